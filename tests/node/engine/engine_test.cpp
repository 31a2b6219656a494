#include "node/engine/engine.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "kernels/base/utf8.h"
#include "tests/node/support/engine_rig.h"

namespace zswarm::node {
namespace {

using test::Answer;
using test::EngineRig;
using test::HashModel;
using test::RigOptions;
using test::WordTokenizer;

/// 257 tokens: the bytes, and an end token.
const WordTokenizer& byte_tokenizer() {
  static const WordTokenizer tokenizer = WordTokenizer::of_bytes();
  return tokenizer;
}

GenerateRequest request(std::size_t prompt, std::uint32_t answer, std::int32_t salt = 0) {
  GenerateRequest asked;
  for (std::size_t i = 0; i < prompt; ++i)
    asked.prompt.push_back(static_cast<TokenId>((i * 7 + i * i + static_cast<std::size_t>(salt)) % 256));
  asked.max_tokens = answer;
  asked.sampling.seed = 17 + static_cast<std::uint64_t>(salt);
  asked.sampling.temperature = 0.8f;
  asked.ignore_eos = true;
  return asked;
}

/// The answer by definition: no engine, no pages, one token after the other.
std::vector<TokenId> expected_tokens(const GenerateRequest& asked) {
  std::vector<TokenId> tokens = asked.prompt;
  while (tokens.size() < asked.prompt.size() + *asked.max_tokens) {
    auto row = HashModel::row_after(tokens, 257);
    const TokenId token =
        sampling::sample(row, asked.sampling, tokens, tokens.size() - asked.prompt.size()).token;
    tokens.push_back(token);
    if (!asked.ignore_eos && token == 256) break;
  }
  return {tokens.begin() + static_cast<std::ptrdiff_t>(asked.prompt.size()), tokens.end()};
}

void expect_same(const Answer& a, const Answer& b) {
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.text, b.text);
  ASSERT_EQ(a.logprobs.size(), b.logprobs.size());
  for (std::size_t i = 0; i < a.logprobs.size(); ++i) {
    EXPECT_EQ(a.logprobs[i].token, b.logprobs[i].token);
    EXPECT_EQ(a.logprobs[i].logprob, b.logprobs[i].logprob);
    EXPECT_EQ(a.logprobs[i].bytes, b.logprobs[i].bytes);
  }
}

class EngineTest : public ::testing::Test {
 protected:
  HashModel model_{257};
};

TEST_F(EngineTest, GeneratesWhatTheModelAndTheSamplerSay) {
  EngineRig rig(model_, byte_tokenizer());
  const auto answer = rig.answer(request(45, 50));
  EXPECT_EQ(answer->tokens, expected_tokens(request(45, 50)));
  ASSERT_TRUE(answer->finished);
  EXPECT_EQ(answer->finished->reason, FinishReason::kLength);
  EXPECT_EQ(answer->finished->prompt_tokens, 45u);
  EXPECT_EQ(answer->finished->completion_tokens, 50u);
  EXPECT_EQ(rig.engine.stats().kv_pages_used, 0u);
}

TEST_F(EngineTest, GivesTheSameTokensAmongNeighboursAndComputesThemTogether) {
  EngineRig rig(model_, byte_tokenizer(), {.threads = 3, .engine = {}});
  std::vector<std::shared_ptr<Answer>> answers;
  for (int i = 0; i < 16; ++i)
    answers.push_back(rig.ask(request(20 + static_cast<std::size_t>(i) * 13, 40, i)));
  rig.run();
  EXPECT_EQ(model_.most_sequences, 16u);
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(answers[static_cast<std::size_t>(i)]->tokens,
              expected_tokens(request(20 + static_cast<std::size_t>(i) * 13, 40, i)));
  }
}

TEST_F(EngineTest, GivesTheSameTokensForAnyChunkOfThePrompt) {
  for (const std::uint32_t chunk : {1u, 7u, 64u, 512u}) {
    EngineRig rig(model_, byte_tokenizer(), {.engine = {.prefill_tokens = chunk, .now_s = {}}});
    EXPECT_EQ(rig.answer(request(300, 10))->tokens, expected_tokens(request(300, 10)))
        << "chunks of " << chunk;
  }
}

TEST_F(EngineTest, ReusesASharedPrefixWithoutChangingTheAnswer) {
  EngineRig rig(model_, byte_tokenizer());
  const auto first = rig.answer(request(100, 10));
  const std::uint64_t before = model_.tokens;
  const auto second = rig.answer(request(100, 10));
  EXPECT_EQ(first->finished->cached_tokens, 0u);
  EXPECT_EQ(second->finished->cached_tokens, 96u);
  EXPECT_EQ(model_.tokens - before, 4u + 9u);
  expect_same(*first, *second);
  EXPECT_EQ(rig.engine.stats().cached_tokens, 96u);
}

TEST_F(EngineTest, FindsAnAnswerAgainThatBecamePartOfThePrompt) {
  EngineRig rig(model_, byte_tokenizer());
  const auto first = rig.answer(request(40, 60));
  GenerateRequest next = request(40, 10);
  next.prompt.insert(next.prompt.end(), first->tokens.begin(), first->tokens.end());
  next.prompt.push_back(3);
  const auto second = rig.answer(next);
  EXPECT_EQ(second->finished->cached_tokens, 96u);
  EXPECT_EQ(second->tokens, expected_tokens(next));
}

TEST_F(EngineTest, ComputesEverythingWhenThePrefixCacheIsOff) {
  EngineRig rig(model_, byte_tokenizer(), {.engine = {.prefix_cache = false, .now_s = {}}});
  const auto first = rig.answer(request(100, 10));
  const auto second = rig.answer(request(100, 10));
  EXPECT_EQ(second->finished->cached_tokens, 0u);
  expect_same(*first, *second);
}

TEST_F(EngineTest, PreemptsWhenPagesRunOutAndLaterGivesTheSameTokens) {
  EngineRig rig(model_, byte_tokenizer(), {.pages = 10, .engine = {}});  // 320 positions for 6 × 120
  std::vector<std::shared_ptr<Answer>> answers;
  for (int i = 0; i < 6; ++i) answers.push_back(rig.ask(request(30, 90, i)));
  rig.run();
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(answers[static_cast<std::size_t>(i)]->tokens, expected_tokens(request(30, 90, i)));
  EXPECT_GT(rig.engine.stats().preemptions, 0u);
}

TEST_F(EngineTest, GoesOnAfterDeliveredTokensAsIfNothingHadHappened) {
  GenerateRequest asked = request(40, 60);
  asked.sampling.top_logprobs = 2;
  asked.stop = {"\x01\x02\x03never", "zz"};
  EngineRig whole_rig(model_, byte_tokenizer());
  const auto whole = whole_rig.answer(asked);
  for (const std::size_t at : {1u, 2u, 31u, 59u, 60u}) {
    EngineRig rig(model_, byte_tokenizer());
    Answer joined;
    for (std::size_t i = 0; i < at; ++i) {
      joined.text += whole->deltas[i].text;
      for (const auto& logprob : whole->deltas[i].logprobs) joined.logprobs.push_back(logprob);
    }
    joined.tokens.assign(whole->tokens.begin(), whole->tokens.begin() + static_cast<std::ptrdiff_t>(at));
    GenerateRequest rest = asked;
    rest.delivered = joined.tokens;
    const auto later = rig.answer(rest);
    joined.tokens.insert(joined.tokens.end(), later->tokens.begin(), later->tokens.end());
    joined.text += later->text;
    joined.logprobs.insert(joined.logprobs.end(), later->logprobs.begin(), later->logprobs.end());
    expect_same(joined, *whole);
    ASSERT_TRUE(later->finished);
    EXPECT_EQ(later->finished->completion_tokens, 60u);
  }
}

TEST_F(EngineTest, TakesUpAHeldBackStopWithItsLogprobs) {
  GenerateRequest asked = request(40, 30);
  asked.sampling.top_logprobs = 0;
  EngineRig rig(model_, byte_tokenizer());
  const auto plain = rig.answer(asked);
  const auto letter = std::find_if(plain->text.begin(), plain->text.end(), [](char c) { return c > ' '; });
  ASSERT_NE(letter, plain->text.end());
  asked.stop = {std::string(1, *letter) + "\x7f\x7f"};  // its beginning occurs, the rest does not
  const auto whole = rig.answer(asked);
  for (std::size_t at = 1; at < 30; ++at) {
    GenerateRequest rest = asked;
    rest.delivered.assign(whole->tokens.begin(), whole->tokens.begin() + static_cast<std::ptrdiff_t>(at));
    const auto later = rig.answer(rest);
    std::string text;
    std::size_t logprobs = 0;
    for (std::size_t i = 0; i < at; ++i)
      text += whole->deltas[i].text, logprobs += whole->deltas[i].logprobs.size();
    EXPECT_EQ(text + later->text, whole->text);
    ASSERT_EQ(logprobs + later->logprobs.size(), whole->logprobs.size());
    for (std::size_t i = 0; i < later->logprobs.size(); ++i) {
      EXPECT_EQ(later->logprobs[i].logprob, whole->logprobs[logprobs + i].logprob);
    }
  }
}

TEST_F(EngineTest, EndsAtTheEndTokenAndLeavesItOutOfTheText) {
  GenerateRequest asked = request(10, 3000);
  asked.ignore_eos = false;
  asked.sampling.top_logprobs = 0;
  EngineRig rig(model_, byte_tokenizer());
  const auto answer = rig.answer(asked);
  ASSERT_EQ(answer->tokens, expected_tokens(asked));
  ASSERT_EQ(answer->tokens.back(), 256);
  EXPECT_EQ(answer->finished->reason, FinishReason::kStop);
  EXPECT_EQ(answer->finished->completion_tokens, answer->tokens.size());
  EXPECT_TRUE(utf8::is_valid(answer->text));
  EXPECT_EQ(answer->logprob_bytes(), answer->text);
}

TEST_F(EngineTest, EndsBeforeAStopString) {
  const auto whole = EngineRig(model_, byte_tokenizer()).answer(request(10, 60));
  std::size_t at = whole->text.size() / 2;
  while ((static_cast<unsigned char>(whole->text[at]) & 0xc0) == 0x80) ++at;
  GenerateRequest asked = request(10, 60);
  asked.stop = {whole->text.substr(at)};
  const auto answer = EngineRig(model_, byte_tokenizer()).answer(asked);
  EXPECT_EQ(answer->text, whole->text.substr(0, whole->text.find(asked.stop[0])));
  EXPECT_EQ(answer->finished->reason, FinishReason::kStop);
}

TEST_F(EngineTest, ScoresAPromptBeforeTheAnswer) {
  GenerateRequest asked = request(80, 5);
  asked.score_prompt = true;
  asked.sampling.top_logprobs = 1;
  EngineRig rig(model_, byte_tokenizer());
  ASSERT_TRUE(rig.answer(request(80, 5))->finished);  // fills the cache, which must not hide any row
  const auto answer = rig.answer(asked);
  ASSERT_TRUE(answer->prompt);
  ASSERT_EQ(answer->prompt->tokens.size(), 79u);
  for (std::size_t i = 0; i < 79; ++i) {
    const auto row = HashModel::row_after(std::span(asked.prompt).first(i + 1), 257);
    EXPECT_EQ(answer->prompt->tokens[i].token, asked.prompt[i + 1]);
    EXPECT_EQ(answer->prompt->tokens[i].logprob, sampling::score(row, asked.prompt[i + 1], 1).logprob);
  }
  EXPECT_EQ(answer->tokens, expected_tokens(asked));
}

TEST_F(EngineTest, GivesEmptyScoresForAPromptOfOneToken) {
  GenerateRequest asked = request(1, 2);
  asked.score_prompt = true;
  const auto answer = EngineRig(model_, byte_tokenizer()).answer(asked);
  ASSERT_TRUE(answer->prompt);
  EXPECT_TRUE(answer->prompt->tokens.empty());
}

TEST_F(EngineTest, EmbedsTheMeanOfTheHiddenStatesScaledToLengthOne) {
  const auto tokens = request(100, 1).prompt;
  std::vector<double> sum(8, 0);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto row = HashModel::row_after(std::span(tokens).first(i + 1), 8);
    for (std::size_t k = 0; k < 8; ++k) sum[k] += static_cast<double>(row[k]);
  }
  double length = 0;
  for (const double value : sum) length += value * value;
  std::vector<std::vector<float>> embeddings;
  for (const std::uint32_t chunk : {1u, 7u, 512u}) {
    EngineRig rig(model_, byte_tokenizer(), {.engine = {.prefill_tokens = chunk, .now_s = {}}});
    const auto neighbour = rig.ask(request(50, 20));
    const auto embedding = rig.embed(tokens);
    ASSERT_TRUE(embedding) << embedding.error().message;
    embeddings.push_back(*embedding);
    EXPECT_EQ(neighbour->tokens, expected_tokens(request(50, 20)));
  }
  for (std::size_t k = 0; k < 8; ++k) EXPECT_NEAR(embeddings[0][k], sum[k] / std::sqrt(length), 1e-6);
  EXPECT_EQ(embeddings[0], embeddings[1]);
  EXPECT_EQ(embeddings[0], embeddings[2]);
}

TEST_F(EngineTest, CancelsARunningAndAWaitingRequest) {
  EngineRig rig(model_, byte_tokenizer(), {.engine = {.max_running = 1, .now_s = {}}});
  const auto first = rig.ask(request(10, 1000, 1));
  const RequestId first_id = rig.last_id;
  const auto second = rig.ask(request(10, 1000, 2));
  const auto third = rig.ask(request(10, 10, 3));
  for (int i = 0; i < 5; ++i) rig.engine.step();
  rig.engine.cancel(rig.last_id - 1);
  rig.engine.cancel(first_id);
  rig.engine.cancel(first_id);
  rig.engine.cancel(999);
  rig.run();
  ASSERT_TRUE(first->error && second->error);
  EXPECT_EQ(first->error->code, ErrorCode::kCancelled);
  EXPECT_EQ(first->tokens.size(), 5u);
  EXPECT_EQ(second->tokens.size(), 0u);
  EXPECT_EQ(third->tokens, expected_tokens(request(10, 10, 3)));
  EXPECT_EQ(rig.engine.stats().requests_cancelled, 2u);
}

TEST_F(EngineTest, RefusesWhatDoesNotFitTheQueueAndTakesItLater) {
  EngineRig rig(model_, byte_tokenizer(), {.engine = {.max_running = 2, .max_queued = 3, .now_s = {}}});
  std::vector<std::shared_ptr<Answer>> answers;
  for (int i = 0; i < 6; ++i) answers.push_back(rig.ask(request(10, 5, i)));
  ASSERT_TRUE(answers[5]->error);
  EXPECT_EQ(answers[5]->error->code, ErrorCode::kUnavailable);
  rig.run();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(answers[static_cast<std::size_t>(i)]->finished);
  EXPECT_TRUE(rig.answer(request(10, 5))->finished);
  EXPECT_EQ(rig.engine.stats().requests_refused, 1u);
}

TEST_F(EngineTest, RefusesARequestThatCanNeverFit) {
  HashModel small(257, 100);
  EngineRig context(small, byte_tokenizer());
  EXPECT_EQ(context.ask(request(90, 11))->error->code, ErrorCode::kContextLength);
  EXPECT_TRUE(context.answer(request(90, 10))->finished);
  EngineRig memory(model_, byte_tokenizer(), {.pages = 2, .engine = {}});
  const auto refused = memory.ask(request(60, 5));
  EXPECT_EQ(refused->error->code, ErrorCode::kContextLength);
  EXPECT_NE(refused->error->message.find("64"), std::string::npos) << refused->error->message;
  EXPECT_TRUE(memory.answer(request(60, 4))->finished);
}

TEST_F(EngineTest, FillsTheContextWhenNoLimitIsAsked) {
  HashModel small(257, 100);
  GenerateRequest asked = request(90, 1);
  asked.max_tokens.reset();
  EXPECT_EQ(EngineRig(small, byte_tokenizer()).answer(asked)->tokens.size(), 10u);
}

TEST_F(EngineTest, NamesTheFieldThatIsWrong) {
  EngineRig rig(model_, byte_tokenizer());
  const auto param = [&](auto change) {
    GenerateRequest asked = request(5, 5);
    change(asked);
    const auto answer = rig.ask(asked);
    EXPECT_TRUE(answer->error && answer->error->code == ErrorCode::kInvalidArgument);
    return answer->error ? answer->error->param : "";
  };
  EXPECT_EQ(param([](auto& r) { r.prompt.clear(); }), "prompt");
  EXPECT_EQ(param([](auto& r) { r.prompt[2] = 257; }), "prompt");
  EXPECT_EQ(param([](auto& r) { r.prompt[2] = -1; }), "prompt");
  EXPECT_EQ(param([](auto& r) { r.max_tokens = 0; }), "max_tokens");
  EXPECT_EQ(param([](auto& r) { r.stop = {"a", ""}; }), "stop");
  EXPECT_EQ(param([](auto& r) { r.stop = {"\xff"}; }), "stop");
  EXPECT_EQ(param([](auto& r) { r.sampling.temperature = -1; }), "temperature");
  EXPECT_EQ(param([](auto& r) { r.delivered = {1, 2, 3, 4, 5, 6}; }), "delivered");
}

TEST_F(EngineTest, FailsTheRequestsOfAStepThatRunsOutOfMemoryAndServesTheNext) {
  EngineRig rig(model_, byte_tokenizer());
  const auto first = rig.ask(request(10, 10));
  rig.engine.step();
  model_.before_step = [] { throw std::bad_alloc(); };
  rig.engine.step();
  model_.before_step = nullptr;
  ASSERT_TRUE(first->error);
  EXPECT_EQ(first->error->code, ErrorCode::kOutOfMemory);
  EXPECT_EQ(rig.answer(request(10, 10))->tokens, expected_tokens(request(10, 10)));
  EXPECT_EQ(rig.engine.stats().kv_pages_used, 0u);
}

TEST_F(EngineTest, TellsEverybodyWhenItIsShutDown) {
  EngineRig rig(model_, byte_tokenizer(), {.engine = {.max_running = 1, .now_s = {}}});
  const auto running = rig.ask(request(10, 100));
  rig.engine.step();
  const auto queued = rig.ask(request(10, 100));
  rig.engine.close({ErrorCode::kUnavailable, "shutting down", ""});
  EXPECT_EQ(rig.ask(request(10, 100))->error->code, ErrorCode::kUnavailable);
  rig.engine.abort_all({ErrorCode::kUnavailable, "shutting down", ""});
  EXPECT_EQ(running->error->code, ErrorCode::kUnavailable);
  EXPECT_EQ(queued->error->code, ErrorCode::kUnavailable);
  EXPECT_FALSE(rig.engine.step());
}

struct Client {
  std::uint32_t prompt, answer, salt, steps_before;
  bool cancel, logprobs;
};

/// Random traffic, memory and chunks: whoever is served gets exactly the tokens of the definition.
RC_GTEST_PROP(Engine, AnswersAsByDefinitionUnderAnyTraffic, ()) {
  const auto number = [](int low, int high) {
    return rc::gen::map(rc::gen::inRange(low, high), [](int n) { return static_cast<std::uint32_t>(n); });
  };
  const auto rare = rc::gen::map(rc::gen::inRange(0, 6), [](int n) { return n == 0; });
  RigOptions options;
  options.pages = *number(5, 16);
  options.engine.max_running = *number(1, 8);
  options.engine.max_queued = *number(1, 8);
  options.engine.prefill_tokens = *number(1, 100);
  options.engine.prefix_cache = *rc::gen::arbitrary<bool>();
  const auto clients = *rc::gen::container<std::vector<Client>>(
      rc::gen::construct<Client>(number(1, 90), number(1, 60), number(0, 3), number(0, 8), rare, rare));
  HashModel model(257);
  EngineRig rig(model, byte_tokenizer(), options);
  std::vector<std::pair<GenerateRequest, std::shared_ptr<Answer>>> asked;
  std::vector<RequestId> cancelled;
  for (const Client& client : clients) {
    for (std::uint32_t i = 0; i < client.steps_before; ++i) rig.engine.step();
    GenerateRequest wish = request(client.prompt, client.answer, static_cast<std::int32_t>(client.salt));
    if (client.logprobs) wish.sampling.top_logprobs = 0, wish.score_prompt = true;
    asked.emplace_back(wish, rig.ask(wish));
    if (client.cancel) rig.engine.cancel(rig.last_id / 2);
  }
  rig.run();
  for (const auto& [wish, answer] : asked) {
    RC_ASSERT(answer->ended());
    const auto tokens = expected_tokens(wish);
    if (answer->finished) {
      RC_ASSERT(answer->tokens == tokens);
      RC_ASSERT(!wish.score_prompt || answer->prompt->tokens.size() == wish.prompt.size() - 1);
    } else {
      RC_ASSERT(answer->error->code == ErrorCode::kCancelled ||
                answer->error->code == ErrorCode::kUnavailable);
      RC_ASSERT(answer->tokens.size() <= tokens.size());
      RC_ASSERT(std::equal(answer->tokens.begin(), answer->tokens.end(), tokens.begin()));
    }
    RC_ASSERT(!wish.score_prompt || answer->logprob_bytes() == answer->text);
  }
  RC_ASSERT(rig.engine.stats().kv_pages_used == 0u);
}

}  // namespace
}  // namespace zswarm::node
