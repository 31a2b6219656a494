#include "node/dispatch/event_check.h"

#include <gtest/gtest.h>

#include <cmath>

namespace zswarm::node {
namespace {

class EventCheckTest : public ::testing::Test {
 protected:
  EventCheckTest() {
    what_.prompt = {1, 2, 3};
    what_.max_tokens = 5;
    what_.delivered = {10, 11};
  }
  [[nodiscard]] Told told(bool scores_due = false) const { return {what_, 100, scores_due, logprobs_}; }
  static TokenLogprob logprob(TokenId token) { return {token, -1, "x", {}}; }

  GenerateRequest what_;
  std::optional<std::uint32_t> logprobs_ = 0;
};

TEST_F(EventCheckTest, ADeltaMustBeTheNextOne) {
  EXPECT_TRUE(check_delta(told(), {2, {12, 13}, "ab", {}}));
  EXPECT_FALSE(check_delta(told(), {1, {11}, "", {}}));
  EXPECT_FALSE(check_delta(told(), {3, {13}, "", {}}));
  EXPECT_FALSE(check_delta(told(), {2, {}, "ab", {}}));
}

TEST_F(EventCheckTest, ADeltaHoldsTokensOfTheVocabularyNoMoreThanAskedForAndWholeCharacters) {
  EXPECT_FALSE(check_delta(told(), {2, {100}, "", {}}));
  EXPECT_FALSE(check_delta(told(), {2, {-1}, "", {}}));
  EXPECT_FALSE(check_delta(told(), {2, {1, 2, 3, 4}, "", {}}));
  EXPECT_TRUE(check_delta(told(), {2, {1, 2, 3}, "", {}}));
  EXPECT_FALSE(check_delta(told(), {2, {1}, "\xc3", {}}));
  Told unknown = told();
  unknown.vocab_size.reset();
  EXPECT_TRUE(check_delta(unknown, {2, {100}, "", {}}));
}

TEST_F(EventCheckTest, LogProbabilitiesBelongToTheTokensInTheirOrder) {
  EXPECT_FALSE(check_delta(told(), {2, {12}, "a", {logprob(10)}})) << "nobody asked";
  what_.sampling.top_logprobs = 0;
  EXPECT_TRUE(check_delta(told(), {2, {12}, "a", {logprob(10), logprob(11), logprob(12)}}));
  EXPECT_FALSE(check_delta(told(), {2, {12}, "a", {logprob(11)}}));
  EXPECT_FALSE(check_delta(told(), {2, {12}, "a", {logprob(10), logprob(11), logprob(12), logprob(12)}}));
  logprobs_ = 2;
  EXPECT_TRUE(check_delta(told(), {2, {12}, "a", {logprob(12)}}));
  EXPECT_FALSE(check_delta(told(), {2, {12}, "a", {logprob(10)}}));
  logprobs_.reset();  // a client that came back: what it has of them is not known
  EXPECT_TRUE(check_delta(told(), {2, {12}, "a", {logprob(11), logprob(12)}}));
}

TEST_F(EventCheckTest, TheScoresOfThePromptComeFirstAndOnce) {
  const PromptScored right{{logprob(2), logprob(3)}};
  EXPECT_TRUE(check_scored(told(true), right));
  EXPECT_FALSE(check_scored(told(false), right));
  EXPECT_FALSE(check_scored(told(true), {{logprob(2)}}));
  EXPECT_FALSE(check_scored(told(true), {{logprob(2), logprob(4)}}));
  EXPECT_FALSE(check_delta(told(true), {2, {12}, "", {}}));
  EXPECT_FALSE(check_finished(told(true), {FinishReason::kStop, 3, 0, 2, 0, 0, 0}));
}

TEST_F(EventCheckTest, TheEndCountsWhatWasTold) {
  EXPECT_TRUE(check_finished(told(), {FinishReason::kStop, 3, 0, 2, 0, 0, 0}));
  EXPECT_FALSE(check_finished(told(), {FinishReason::kStop, 3, 0, 3, 0, 0, 0}));
  EXPECT_FALSE(check_finished(told(), {FinishReason::kStop, 4, 0, 2, 0, 0, 0}));
  EXPECT_FALSE(check_finished(told(), {FinishReason::kStop, 3, 6, 2, 0, 0, 0}));
  EXPECT_FALSE(check_finished(told(), {FinishReason::kLength, 3, 0, 2, 0, 0, 0})) << "five were asked for";
  EXPECT_FALSE(check_finished(told(), {FinishReason::kStop, 3, 0, 2, std::nan(""), 0, 0}));
  EXPECT_FALSE(check_finished(told(), {FinishReason::kStop, 3, 0, 2, 0, -1, 0}));
  what_.max_tokens.reset();
  EXPECT_TRUE(check_finished(told(), {FinishReason::kLength, 3, 0, 2, 0, 0, 0}));
  what_.delivered.clear();
  EXPECT_FALSE(check_finished(told(), {FinishReason::kStop, 3, 0, 0, 0, 0, 0})) << "no token at all";
}

}  // namespace
}  // namespace zswarm::node
