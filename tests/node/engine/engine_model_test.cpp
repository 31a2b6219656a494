// The engine's promises again, with a real transformer: what a request gets depends on nothing but the
// request.
#include <gtest/gtest.h>

#include "kernels/gguf/reader.h"
#include "node/engine/engine.h"
#include "tests/node/support/engine_rig.h"
#include "tests/node/support/tiny_model.h"

namespace zswarm::node {
namespace {

using test::Answer;
using test::EngineRig;
using test::RigOptions;
using test::TeamThreads;

class EngineModelTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = new Shared;
    ASSERT_TRUE(test::TinyModel{}.writer().save(shared_->folder.path / "tiny.gguf"));
    auto file = gguf::Reader::open(shared_->folder.path / "tiny.gguf");
    ASSERT_TRUE(file) << file.error().message;
    shared_->file = std::make_unique<gguf::Reader>(std::move(*file));
    auto tokenizer = tokenizer::Tokenizer::from_gguf(*shared_->file);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    shared_->tokenizer = std::move(*tokenizer);
    reference();
  }
  static void TearDownTestSuite() { delete shared_; }

  /// An engine with its own copy of the model, whose forward() runs on the rig's team.
  struct Rig {
    explicit Rig(RigOptions options = {}) : team(options.threads) {
      auto loaded = model::Model::load(*shared_->file, team.team);
      EXPECT_TRUE(loaded) << loaded.error().message;
      model = std::move(*loaded);
      engine = std::make_unique<EngineRig>(*model, *shared_->tokenizer, team.team, options);
    }
    TeamThreads team;
    std::unique_ptr<model::Model> model;
    std::unique_ptr<EngineRig> engine;
  };

  static GenerateRequest request(int number) {
    GenerateRequest asked;
    for (int i = 0; i < 30 + number * 11; ++i)
      asked.prompt.push_back(3 + (i * i + (i < 40 ? 0 : number) * 31) % 256);
    asked.max_tokens = 50;
    asked.sampling.temperature = 0.9f;
    asked.sampling.seed = static_cast<std::uint64_t>(number);
    asked.sampling.top_logprobs = 2;
    asked.sampling.repetition_penalty = 1.1f;
    asked.ignore_eos = true;
    return asked;
  }
  static constexpr int kRequests = 16;

  static void expect_same(const Answer& got, const Answer& wanted, const std::string& what) {
    ASSERT_TRUE(got.finished) << what << (got.error ? got.error->message : "");
    EXPECT_EQ(got.tokens, wanted.tokens) << what;
    EXPECT_EQ(got.text, wanted.text) << what;
    ASSERT_EQ(got.logprobs.size(), wanted.logprobs.size()) << what;
    for (std::size_t i = 0; i < got.logprobs.size(); ++i) {
      EXPECT_EQ(got.logprobs[i].logprob, wanted.logprobs[i].logprob) << what << ", token " << i;
    }
  }
  /// Asks for all requests at once and compares with each alone.
  static void expect_all_same(Rig& rig, const std::string& what) {
    std::vector<std::shared_ptr<Answer>> answers;
    for (int i = 0; i < kRequests; ++i) answers.push_back(rig.engine->ask(request(i)));
    rig.engine->run();
    for (int i = 0; i < kRequests; ++i) {
      expect_same(*answers[static_cast<std::size_t>(i)], *shared_->alone[static_cast<std::size_t>(i)],
                  what + ", request " + std::to_string(i));
    }
  }

  struct Shared {
    test::TestFolder folder;
    std::unique_ptr<gguf::Reader> file;
    std::unique_ptr<const tokenizer::Tokenizer> tokenizer;
    std::vector<std::shared_ptr<Answer>> alone;  // each request with an engine of its own to itself
  };
  static Shared* shared_;

 private:
  static void reference() {
    for (int i = 0; i < kRequests; ++i) {
      RigOptions options;
      options.engine.prefix_cache = false;
      Rig rig(options);
      shared_->alone.push_back(rig.engine->answer(request(i)));
      ASSERT_EQ(shared_->alone.back()->tokens.size(), 50u);
    }
    ASSERT_NE(shared_->alone[0]->tokens, shared_->alone[1]->tokens);
  }
};
EngineModelTest::Shared* EngineModelTest::shared_ = nullptr;

TEST_F(EngineModelTest, GivesTheSameAmongFifteenNeighboursOnAnyNumberOfThreads) {
  for (const std::size_t threads : {1u, 2u, 3u}) {
    RigOptions options;
    options.threads = threads;
    Rig rig(options);
    expect_all_same(rig, std::to_string(threads) + " threads");
  }
}

TEST_F(EngineModelTest, GivesTheSameForAnyChunkOfThePrompt) {
  for (const std::uint32_t chunk : {1u, 7u, 64u, 512u}) {
    RigOptions options;
    options.engine.prefill_tokens = chunk;
    Rig rig(options);
    expect_all_same(rig, "chunks of " + std::to_string(chunk));
  }
}

TEST_F(EngineModelTest, GivesTheSameWhenThePrefixIsFoundInTheCache) {
  Rig rig;
  expect_all_same(rig, "first round");
  const std::uint64_t before = rig.engine->engine.stats().cached_tokens;
  expect_all_same(rig, "second round");
  EXPECT_GT(rig.engine->engine.stats().cached_tokens, before + kRequests * 16u);
}

TEST_F(EngineModelTest, GivesTheSameAfterPreemption) {
  for (const bool prefix_cache : {false, true}) {
    RigOptions options;
    options.pages = 14;
    options.engine.prefix_cache = prefix_cache;
    Rig rig(options);
    expect_all_same(rig, "few pages");
    EXPECT_GT(rig.engine->engine.stats().preemptions, 0u);
  }
}

TEST_F(EngineModelTest, GivesTheRestWhenTakenUpInTheMiddle) {
  Rig rig;
  const Answer& whole = *shared_->alone[3];
  for (std::size_t at = 1; at < 50; at += 6) {
    GenerateRequest asked = request(3);
    asked.delivered.assign(whole.tokens.begin(), whole.tokens.begin() + static_cast<std::ptrdiff_t>(at));
    const auto rest = rig.engine->answer(asked);
    EXPECT_EQ(rest->tokens, (std::vector<TokenId>(whole.tokens.begin() + static_cast<std::ptrdiff_t>(at),
                                                  whole.tokens.end())));
    EXPECT_TRUE(whole.text.ends_with(rest->text));
  }
}

TEST_F(EngineModelTest, EmbedsTheSameInAnyChunksAndBesideGenerations) {
  std::vector<std::vector<float>> embeddings;
  for (const std::uint32_t chunk : {1u, 7u, 512u}) {
    RigOptions options;
    options.engine.prefill_tokens = chunk;
    Rig rig(options);
    const auto neighbour = rig.engine->ask(request(5));
    const auto embedding = rig.engine->embed(request(9).prompt);
    ASSERT_TRUE(embedding) << embedding.error().message;
    embeddings.push_back(*embedding);
    expect_same(*neighbour, *shared_->alone[5], "beside an embedding");
  }
  ASSERT_EQ(embeddings[0].size(), test::TinyModel::kWidth);
  EXPECT_EQ(embeddings[0], embeddings[1]);
  EXPECT_EQ(embeddings[0], embeddings[2]);
}

TEST_F(EngineModelTest, ScoresAPromptTheSameInAnyChunks) {
  std::vector<float> scores;
  for (const std::uint32_t chunk : {512u, 1u, 7u}) {
    RigOptions options;
    options.engine.prefill_tokens = chunk;
    Rig rig(options);
    GenerateRequest asked = request(9);
    asked.score_prompt = true;
    const auto answer = rig.engine->answer(asked);
    expect_same(*answer, *shared_->alone[9], "scored");
    ASSERT_TRUE(answer->prompt);
    std::vector<float> now;
    for (const auto& token : answer->prompt->tokens) now.push_back(token.logprob);
    if (scores.empty()) scores = now;
    EXPECT_EQ(now, scores);
  }
  EXPECT_EQ(scores.size(), request(9).prompt.size() - 1);
}

}  // namespace
}  // namespace zswarm::node
