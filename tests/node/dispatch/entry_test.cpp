#include "node/dispatch/entry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/node/dispatch/entry_rig.h"

namespace zswarm::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(Entry, TellsWhatAnUndisturbedNodeSays) {
  EntryRig rig;
  rig.nodes({1});
  rig.open();
  ASSERT_EQ(rig.started.size(), 1u);
  EXPECT_FALSE(rig.serve(rig.started[0], 100));
  EXPECT_EQ(rig.tokens, WholeAnswer(EntryRig::request().what).tokens);
  EXPECT_EQ(rig.ends, 1u);
  EXPECT_FALSE(rig.error);
  EXPECT_EQ(rig.entry.streams() + rig.entry.attempts(), 0u);
  EXPECT_EQ(rig.entry.next_timer(), bus::kNever);
}

TEST(Entry, GoesOnAtAnotherNodeAfterALossAtEveryPosition) {
  const WholeAnswer whole(EntryRig::request().what);
  for (std::size_t position = 0; position < whole.tokens.size(); ++position) {
    EntryRig rig;
    rig.nodes({1, 2});
    rig.open();
    rig.serve(rig.started[0], position);
    rig.entry.on_gone(rig.now, rig.started[0].node);
    rig.take();
    ASSERT_EQ(rig.started.size(), 2u) << position;
    EXPECT_NE(rig.started[1].node, rig.started[0].node);
    EXPECT_EQ(rig.started[1].what.delivered.size(), position);
    rig.serve(rig.started[1], 100);
    EXPECT_EQ(rig.tokens, whole.tokens);
    EXPECT_EQ(rig.text, whole.text);
    EXPECT_EQ(rig.ends, 1u);
  }
}

TEST(Entry, PassesOverWhatALostTryStillSays) {
  EntryRig rig;
  rig.nodes({1, 2});
  rig.open();
  rig.serve(rig.started[0], 3);
  rig.failed(rig.started[0].attempt, ErrorCode::kUnavailable);
  ASSERT_EQ(rig.started.size(), 2u);
  HashAnswer late(rig.started[1].what);
  rig.event(rig.started[0].attempt, late.step());
  EXPECT_EQ(rig.tokens.size(), 3u);
  rig.serve(rig.started[1], 100);
  EXPECT_EQ(rig.tokens, WholeAnswer(EntryRig::request().what).tokens);
}

TEST(Entry, TellsThePromptsScoresOnceWhateverHappens) {
  EntryRig rig;
  rig.nodes({1, 2});
  auto asked = EntryRig::request();
  asked.what.score_prompt = true;
  rig.open(asked);
  rig.serve(rig.started[0], 0);  // the scores, no token
  rig.entry.on_gone(rig.now, rig.started[0].node);
  rig.take();
  ASSERT_EQ(rig.started.size(), 2u);
  EXPECT_FALSE(rig.started[1].what.score_prompt);
  rig.serve(rig.started[1], 100);
  EXPECT_EQ(std::count_if(rig.told.begin(), rig.told.end(),
                          [](const auto& e) { return std::holds_alternative<node::PromptScored>(e); }),
            1);
  EXPECT_EQ(rig.ends, 1u);
}

TEST(Entry, LeavesANodeThatFallsSilentAfterTheBoundLearnedFromItsPace) {
  EntryRig rig;
  rig.nodes({1, 2});
  rig.open(EntryRig::request(60));
  HashAnswer answer(rig.started[0].what);
  for (int i = 0; i < 12; ++i) {
    rig.wait(20ms);
    rig.event(rig.started[0].attempt, answer.step());
  }
  rig.wait(240ms);
  EXPECT_EQ(rig.started.size(), 1u);
  rig.wait(20ms);
  ASSERT_EQ(rig.started.size(), 2u);
  EXPECT_EQ(rig.stopped, std::vector{rig.started[0].attempt});
  EXPECT_EQ(rig.started[1].what.delivered.size(), 12u);
  EXPECT_EQ(rig.entry.stats().stalls, 1u);
}

TEST(Entry, DoesNotTakeAClientThatDoesNotReadForAStall) {
  EntryRig rig;
  rig.nodes({1, 2});
  const auto stream = rig.open(EntryRig::request(60));
  HashAnswer answer(rig.started[0].what);
  for (int i = 0; i < 12; ++i) rig.wait(20ms), rig.event(rig.started[0].attempt, answer.step());
  rig.entry.set_reading(rig.now, stream, false);
  rig.wait(30s);
  EXPECT_EQ(rig.started.size(), 1u);
  rig.entry.set_reading(rig.now, stream, true);
  rig.wait(1s);
  EXPECT_EQ(rig.started.size(), 2u);
}

TEST(Entry, BlamesNobodyForTheTimeInWhichItDidNotRunItself) {
  EntryRig rig;
  rig.nodes({1, 2});
  rig.open(EntryRig::request(60));
  HashAnswer answer(rig.started[0].what);
  for (int i = 0; i < 12; ++i) rig.wait(20ms), rig.event(rig.started[0].attempt, answer.step());
  rig.now = rig.now + 20s;
  rig.entry.on_timer(rig.now);
  rig.take();
  EXPECT_EQ(rig.started.size(), 1u);
  rig.event(rig.started[0].attempt, answer.step());
  EXPECT_EQ(rig.tokens.size(), 13u);
}

TEST(Entry, AsksASecondNodeWhenTheFirstTokenIsLateAndTakesWhoeverDelivers) {
  for (const bool second_wins : {true, false}) {
    EntryRig rig;
    rig.nodes({1, 2});
    rig.open();
    rig.wait(600ms);
    ASSERT_EQ(rig.started.size(), 2u);
    EXPECT_TRUE(rig.stopped.empty());
    const auto& winner = rig.started[second_wins ? 1 : 0];
    const auto& loser = rig.started[second_wins ? 0 : 1];
    rig.serve(winner, 2);
    EXPECT_EQ(rig.stopped, std::vector{loser.attempt});
    rig.serve(loser, 2);  // too late
    EXPECT_EQ(rig.tokens.size(), 2u);
    EXPECT_EQ(rig.entry.stats().hedges_won, second_wins ? 1u : 0u);
  }
}

TEST(Entry, HedgesNoMoreThanItsBudgetAllows) {
  EntryRig rig({.retries = {.share = 0, .per_s = 0.001, .burst = 3}});
  rig.nodes({1, 2, 3, 4});
  for (int i = 0; i < 8; ++i) rig.open();
  rig.wait(700ms);
  EXPECT_EQ(rig.entry.stats().hedges, 3u);
}

TEST(Entry, GoesOnWhenANodeSaysWhatCannotBeRightAndQuarantinesIt) {
  EntryRig rig;
  rig.nodes({1, 2});
  for (int i = 0; i < 40; ++i) {
    rig.open();
    if (rig.started.back().node == node_number(1)) {
      const auto wrong = rig.started.back().attempt;
      rig.event(wrong, node::Delta{5, {1}, "", {}});
      EXPECT_EQ(rig.stopped.back(), wrong);
    }
    ASSERT_EQ(rig.started.back().node, node_number(2));
    rig.serve(rig.started.back(), 100);
    EXPECT_EQ(rig.tokens, WholeAnswer(EntryRig::request().what).tokens);
    EXPECT_EQ(std::exchange(rig.ends, 0), 1u);
    rig.tokens.clear();
  }
  EXPECT_EQ(rig.entry.stats().faults, 3u);
  EXPECT_EQ(rig.entry.nodes().quarantine(rig.now, node_number(1)), node::Breaker::State::kOpen);
}

TEST(Entry, AsksASecondNodeBeforeItBelievesThatTheRequestIsWrong) {
  EntryRig rig;
  rig.nodes({1, 2, 3});
  rig.open();
  rig.failed(rig.started[0].attempt, ErrorCode::kContextLength);
  EXPECT_EQ(rig.ends, 0u);
  ASSERT_GE(rig.started.size(), 2u);
  EXPECT_NE(rig.started[1].node, rig.started[0].node);
  rig.failed(rig.started.back().attempt, ErrorCode::kContextLength);
  ASSERT_TRUE(rig.error);
  EXPECT_EQ(rig.error->code, ErrorCode::kContextLength);
}

TEST(Entry, BelievesTheOnlyNodeThereIs) {
  EntryRig rig;
  rig.nodes({1});
  rig.open();
  rig.failed(rig.started[0].attempt, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(rig.error);
  EXPECT_EQ(rig.error->code, ErrorCode::kInvalidArgument);
}

TEST(Entry, WaitsWhereAllAreFullAndBeginsWhenThereIsRoom) {
  EntryRig rig;
  rig.nodes({1});
  for (int i = 0; i < 7; ++i) rig.open();
  EXPECT_EQ(rig.started.size(), 5u);  // four places, and one that waits there
  EXPECT_EQ(rig.entry.waiting(), 2u);
  rig.ends = 0, rig.tokens.clear();
  rig.serve(rig.started[0], 100);
  EXPECT_EQ(rig.started.size(), 6u);
}

TEST(Entry, AsksAFullNodeAgainAndKeepsTheRequest) {
  EntryRig rig;
  rig.nodes({1});
  rig.open();
  rig.failed(rig.started[0].attempt, ErrorCode::kUnavailable);
  EXPECT_EQ(rig.started.size(), 1u);
  rig.wait(1s);
  ASSERT_EQ(rig.started.size(), 2u);
  rig.serve(rig.started[1], 100);
  EXPECT_EQ(rig.ends, 1u);
  EXPECT_FALSE(rig.error);
}

TEST(Entry, TellsNodePhaseAndLastTokenWhenTheDeadlinePasses) {
  EntryRig rig;
  rig.nodes({1});
  auto asked = EntryRig::request(60);
  asked.deadline = 2s;
  rig.open(asked);
  HashAnswer answer(rig.started[0].what);
  for (int i = 0; i < 9; ++i) rig.wait(215ms), rig.event(rig.started[0].attempt, answer.step());
  rig.wait(200ms);
  ASSERT_TRUE(rig.error);
  EXPECT_EQ(rig.error->code, ErrorCode::kDeadline);
  EXPECT_THAT(rig.error->message, HasSubstr(node_number(1).text()));
  EXPECT_THAT(rig.error->message, HasSubstr("decode"));
  EXPECT_THAT(rig.error->message, HasSubstr("number 8"));
  EXPECT_EQ(rig.stopped.size(), 1u);
}

TEST(Entry, RefusesAtOnceWhatNobodyServes) {
  EntryRig rig;
  rig.nodes({1});
  auto asked = EntryRig::request();
  asked.labels = {{"gpu", "true"}};
  const auto labelled = rig.entry.open(rig.now, asked);
  ASSERT_FALSE(labelled);
  EXPECT_EQ(labelled.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(labelled.error().message, HasSubstr("labels"));
  asked.labels = {};
  asked.model = {9};
  EXPECT_FALSE(rig.entry.open(rig.now, asked));
  EXPECT_EQ(rig.entry.stats().refused, 2u);
}

TEST(Entry, EndsAStreamWhoseModelNobodyHasAnyMoreAfterAWhile) {
  EntryRig rig;
  rig.nodes({1});
  rig.open();
  rig.serve(rig.started[0], 4);
  rig.entry.on_gone(rig.now, node_number(1));
  rig.take();
  rig.wait(4s);
  EXPECT_EQ(rig.ends, 0u);
  rig.wait(2s);
  ASSERT_TRUE(rig.error);
  EXPECT_EQ(rig.error->code, ErrorCode::kUnavailable);
}

TEST(Entry, GoesOnWhenTheOnlyNodeComesBack) {
  EntryRig rig;
  rig.nodes({1});
  rig.open();
  rig.serve(rig.started[0], 4);
  rig.entry.on_gone(rig.now, node_number(1));
  rig.take();
  rig.wait(2s);
  rig.nodes({1});
  ASSERT_EQ(rig.started.size(), 2u);
  rig.serve(rig.started[1], 100);
  EXPECT_EQ(rig.tokens, WholeAnswer(EntryRig::request().what).tokens);
}

TEST(Entry, GivesUpARequestThatNodesDieOf) {
  EntryRig rig;
  rig.nodes({1, 2, 3, 4, 5, 6, 7, 8, 9});
  rig.open();
  for (std::size_t i = 0; i < rig.started.size() && rig.ends == 0; ++i) {
    rig.entry.on_beat(rig.now, rig.started[i].attempt, {});
    rig.entry.on_gone(rig.now, rig.started[i].node);
    rig.take();
  }
  ASSERT_TRUE(rig.error);
  EXPECT_EQ(rig.started.size(), 5u);
}

TEST(Entry, CancelStopsTheTryAndEndsTheStream) {
  EntryRig rig;
  rig.nodes({1});
  const auto stream = rig.open();
  rig.entry.cancel(rig.now, stream);
  rig.entry.cancel(rig.now, stream);
  rig.take();
  EXPECT_EQ(rig.stopped.size(), 1u);
  ASSERT_TRUE(rig.error);
  EXPECT_EQ(rig.error->code, ErrorCode::kCancelled);
}

TEST(Entry, KeepsATraceThatSaysWhereTheRequestWentAndWhy) {
  EntryRig rig;
  rig.nodes({1, 2});
  const auto stream = rig.open();
  rig.serve(rig.started[0], 4);
  rig.entry.on_gone(rig.now, rig.started[0].node);
  rig.take();
  rig.serve(rig.started[1], 100);
  const node::Trace* trace = rig.entry.trace_of(stream);
  ASSERT_NE(trace, nullptr);
  std::vector<std::string> steps;
  for (const auto& step : trace->steps) steps.emplace_back(node::trace_step_name(step.what));
  EXPECT_EQ(steps, (std::vector<std::string>{"opened", "chosen", "first token", "lost", "chosen",
                                             "first token", "ended"}));
  EXPECT_EQ(trace->steps[1].candidates.size(), 2u);
  EXPECT_EQ(trace->steps[1].candidates[0].node, rig.started[0].node);
  EXPECT_EQ(trace->steps[3].token, 4u);
}

}  // namespace
}  // namespace zswarm::test
