#include "node/node.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <set>

#include "tests/node/support/answer.h"
#include "tests/node/support/tiny_model.h"

namespace zswarm::node {
namespace {

using test::Answer;
using test::TinyModel;

/// An answer that a test's thread can wait for.
struct Waiting {
  std::shared_ptr<Answer> answer = std::make_shared<Answer>();
  std::shared_ptr<std::promise<void>> promise = std::make_shared<std::promise<void>>();
  std::future<void> done = promise->get_future();

  EventSink sink() {
    return [sink = test::collect(answer), answer = answer, promise = promise](Event event) {
      sink(std::move(event));
      if (answer->ended()) promise->set_value();
    };
  }
  const Answer& wait() {
    EXPECT_EQ(done.wait_for(std::chrono::seconds(120)), std::future_status::ready);
    return *answer;
  }
};

class NodeTest : public ::testing::Test {
 protected:
  std::filesystem::path save(const std::string& name, const TinyModel& model = {}) {
    const auto path = folder_.path / name;
    EXPECT_TRUE(model.writer().save(path));
    return path;
  }
  NodeOptions options() {
    NodeOptions options;
    options.models = {{save("tiny.gguf"), ""}};
    options.threads = 2;
    options.kv_memory_bytes = 8 << 20;
    return options;
  }
  static std::unique_ptr<Node> started(NodeOptions options) {
    auto node = Node::start(std::move(options));
    EXPECT_TRUE(node) << node.error().message;
    const Status ready = (*node)->wait_ready();
    EXPECT_TRUE(ready) << ready.error().message;
    return std::move(*node);
  }
  static GenerateRequest request(std::uint32_t answer, std::uint64_t seed = 1) {
    GenerateRequest asked;
    asked.prompt = {TinyModel::kBos, 100, 101, 102};
    asked.max_tokens = answer;
    asked.sampling.seed = seed;
    asked.ignore_eos = true;
    return asked;
  }

  test::TestFolder folder_;
};

TEST_F(NodeTest, IsReadyAfterARealTokenAndThenAnswers) {
  auto node = started(options());
  EXPECT_EQ(node->readiness(), Readiness::kReady);
  EXPECT_EQ(node->stats().at(0).requests, 0u);
  Waiting waiting;
  ASSERT_TRUE(node->generate(request(20), waiting.sink()));
  EXPECT_EQ(waiting.wait().tokens.size(), 20u);
  EXPECT_EQ(waiting.answer->finished->reason, FinishReason::kLength);
}

TEST_F(NodeTest, ServesManyThreadsThatAskAndCancelAtOnce) {
  auto node = started(options());
  Waiting alone[4];
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    ASSERT_TRUE(node->generate(request(30, seed), alone[seed].sink()));
    alone[seed].wait();
  }
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&, seed] {
      for (int i = 0; i < 8; ++i) {
        Waiting waiting;
        const auto id = node->generate(request(30, seed), waiting.sink());
        ASSERT_TRUE(id) << id.error().message;
        if (i % 3 == 2) node->cancel(*id);
        waiting.wait();
        if (waiting.answer->finished) {
          EXPECT_EQ(waiting.answer->tokens, alone[seed].answer->tokens);
        } else {
          EXPECT_EQ(waiting.answer->error->code, ErrorCode::kCancelled);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const ModelStats stats = node->stats().at(0);
  EXPECT_EQ(stats.requests, 36u);
  EXPECT_EQ(stats.running + stats.waiting + stats.requests_failed, 0u);
}

TEST_F(NodeTest, FinishesRunningRequestsWithinTheGrace) {
  auto node = started(options());
  Waiting waiting;
  ASSERT_TRUE(node->generate(request(200), waiting.sink()));
  node->stop(60);
  EXPECT_TRUE(waiting.wait().finished);
  Waiting late;
  const auto refused = node->generate(request(1), late.sink());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(node->readiness(), Readiness::kDraining);
}

TEST_F(NodeTest, TellsRequestsThatDoNotFinishInTime) {
  auto node = started(options());
  std::vector<Waiting> waiting(5);
  for (Waiting& one : waiting) ASSERT_TRUE(node->generate(request(2000), one.sink()));
  node->stop(0);
  for (Waiting& one : waiting) {
    ASSERT_TRUE(one.wait().error);
    EXPECT_EQ(one.answer->error->code, ErrorCode::kUnavailable);
  }
}

TEST_F(NodeTest, ServesSeveralModelsByIdAliasAndDefault) {
  NodeOptions two = options();
  two.models.push_back({save("second.gguf", {.seed = 2, .chat_template = {}}), "other"});
  auto node = started(std::move(two));
  ASSERT_EQ(node->models().size(), 2u);
  EXPECT_EQ(node->models()[0].id, "tiny");
  EXPECT_EQ(node->models()[1].id, "other");
  EXPECT_EQ(node->model("")->id, "tiny");
  EXPECT_EQ(node->model("second")->id, "other");
  EXPECT_EQ(node->model("third").error().code, ErrorCode::kNotFound);
  std::set<std::vector<TokenId>> answers;
  for (const char* name : {"", "tiny", "other", "second"}) {
    Waiting waiting;
    GenerateRequest asked = request(20);
    asked.model = name;
    ASSERT_TRUE(node->generate(asked, waiting.sink()));
    answers.insert(waiting.wait().tokens);
  }
  EXPECT_EQ(answers.size(), 2u);
}

TEST_F(NodeTest, ServesAFolderAndLeavesOutWhatIsBroken) {
  save("b.gguf");
  save("a.gguf", {.seed = 2, .chat_template = {}});
  std::ofstream(folder_.path / "broken.gguf") << "GGUF?";
  std::ofstream(folder_.path / "notes.txt") << "not a model";
  NodeOptions folder;
  folder.models_dir = folder_.path;
  folder.threads = 1;
  auto node = started(std::move(folder));
  ASSERT_EQ(node->models().size(), 2u);
  EXPECT_EQ(node->models()[0].id, "a");
  ASSERT_EQ(node->skipped().size(), 1u);
  EXPECT_NE(node->skipped()[0].message.find("broken.gguf"), std::string::npos);
}

TEST_F(NodeTest, RefusesTwoModelsOfOneName) {
  NodeOptions same = options();
  same.models.push_back({save("second.gguf"), "tiny"});
  const auto node = Node::start(std::move(same));
  ASSERT_FALSE(node);
  EXPECT_EQ(node.error().code, ErrorCode::kInvalidArgument);
}

TEST_F(NodeTest, NamesTheFileThatIsMissing) {
  NodeOptions missing;
  missing.models = {{folder_.path / "no-such.gguf", ""}};
  const auto node = Node::start(std::move(missing));
  ASSERT_FALSE(node);
  EXPECT_NE(node.error().message.find("no-such.gguf"), std::string::npos);
}

TEST_F(NodeTest, SaysWhenTheMemoryLimitIsTooSmallForOnePage) {
  NodeOptions small = options();
  small.kv_memory_bytes = 100;
  const auto node = Node::start(std::move(small));
  ASSERT_TRUE(node);
  const Status ready = (*node)->wait_ready();
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().code, ErrorCode::kOutOfMemory);
  EXPECT_EQ((*node)->readiness(), Readiness::kFailed);
}

TEST_F(NodeTest, TellsHowMuchContextTheMemoryLimitLeaves) {
  NodeOptions small = options();
  const std::uint64_t page = 2 * 2 * 32 * TinyModel::kHeadDim * TinyModel::kKvHeads * TinyModel::kLayers;
  small.kv_memory_bytes = 3 * page;
  auto node = started(std::move(small));
  EXPECT_EQ(node->models()[0].context_length, 96u);
  Waiting waiting;
  EXPECT_EQ(node->generate(request(93), waiting.sink()).error().code, ErrorCode::kContextLength);
}

TEST_F(NodeTest, TokenizesAndGivesTheTextBack) {
  auto node = started(options());
  const auto tokens = node->tokenize("", "abc hello", false, false);
  ASSERT_TRUE(tokens);
  EXPECT_EQ(*node->detokenize("", *tokens), "abc hello");
  EXPECT_EQ(node->detokenize("", {-1}).error().param, "tokens");
  EXPECT_EQ(*node->token_bytes("", TinyModel::kEos), "</s>");
}

TEST_F(NodeTest, EmbedsATextToAVectorOfLengthOne) {
  auto node = started(options());
  std::promise<Result<std::vector<float>>> promise;
  ASSERT_TRUE(node->embed({"", {1, 50, 60, 70}}, [&](auto result) { promise.set_value(std::move(result)); }));
  const auto embedding = promise.get_future().get();
  ASSERT_TRUE(embedding);
  double square = 0;
  for (const float value : *embedding) square += static_cast<double>(value) * static_cast<double>(value);
  EXPECT_EQ(embedding->size(), TinyModel::kWidth);
  EXPECT_NEAR(square, 1, 1e-5);
}

Result<std::string> rendered(Node& node, RenderRequest request) {
  auto promise = std::make_shared<std::promise<Result<std::string>>>();
  if (auto ok =
          node.render(std::move(request), [promise](auto result) { promise->set_value(std::move(result)); });
      !ok) {
    return fail(ok.error());
  }
  return promise->get_future().get();
}

TEST_F(NodeTest, RendersTheModelsChatTemplateWithItsSpecialTokens) {
  NodeOptions with_template = options();
  with_template.models = {
      {save("chat.gguf",
            {.chat_template =
                 "{{ bos_token }}{% for m in messages %}[{{ m.content }}]{% endfor %}{{ eos_token }}"}),
       ""},
      {save("plain.gguf"), ""}};
  with_template.chat_process.command = {ZSWARM_BINARY_DIR "/tests/template_sandbox", "template-sandbox"};
  auto node = started(std::move(with_template));
  const std::string context = R"({"messages": [{"role": "user", "content": "hi"}]})";
  const auto text = rendered(*node, {"chat", context, {}});
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text, "<s>[hi]</s>");
  EXPECT_EQ(*rendered(*node, {"plain", context, "{{ messages|length }}"}), "1");
  EXPECT_EQ(rendered(*node, {"plain", context, {}}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(rendered(*node, {"chat", context, "{{ raise_exception('no') }}"}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(rendered(*node, {"chat", "[]", {}}).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(NodeTest, CanBeStoppedWhileItLoads) {
  for (int i = 0; i < 5; ++i) {
    auto node = Node::start(options());
    ASSERT_TRUE(node);
    (*node)->stop(0);
  }
}

}  // namespace
}  // namespace zswarm::node
