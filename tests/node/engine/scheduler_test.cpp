#include "node/engine/scheduler.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <memory>

namespace zswarm::node {
namespace {

using model::Outputs;

struct Rig {
  explicit Rig(std::uint32_t pages, SchedulerLimits limits = {}) : pool(pages), scheduler(limits, pool) {}

  Sequence& add(std::uint32_t prompt, std::int32_t fill = 0) {
    auto sequence = std::make_unique<Sequence>();
    sequence->arrival = sequences.size();
    sequence->tokens.assign(prompt, fill);
    sequence->prompt_tokens = prompt;
    sequences.push_back(std::move(sequence));
    scheduler.add(*sequences.back());
    return *sequences.back();
  }
  /// One step; every sequence whose last token was computed gets another one.
  Plan step(std::uint32_t prefill_tokens = 512) {
    const Plan plan = scheduler.plan(prefill_tokens);
    scheduler.complete();
    for (const Share& share : plan.shares) {
      Sequence& sequence = *share.sequence;
      if (sequence.remaining() == 0)
        sequence.tokens.push_back(static_cast<std::int32_t>(1000 + sequence.tokens.size()));
    }
    pool.check();
    return plan;
  }

  PagePool pool;
  Scheduler scheduler;
  std::vector<std::unique_ptr<Sequence>> sequences;
};

TEST(Scheduler, ComputesAPromptInChunksAndAsksForLogitsOfTheLastOneOnly) {
  Rig rig(16);
  const Sequence& sequence = rig.add(150);
  const Plan first = rig.step(64);
  ASSERT_EQ(first.shares.size(), 1u);
  EXPECT_EQ(first.shares[0].count, 64u);
  EXPECT_EQ(first.shares[0].outputs, Outputs::kNone);
  EXPECT_EQ(rig.step(64).shares[0].first, 64u);
  const Plan last = rig.step(64);
  EXPECT_EQ(last.shares[0].count, 22u);
  EXPECT_EQ(last.shares[0].outputs, Outputs::kLast);
  EXPECT_EQ(sequence.computed, 150u);
}

TEST(Scheduler, DecodesBesideThePromptOfANewcomer) {
  Rig rig(32);
  rig.add(10, 1);
  rig.step();
  rig.add(300, 2);
  const Plan plan = rig.step(64);
  ASSERT_EQ(plan.shares.size(), 2u);
  EXPECT_EQ(plan.shares[0].count, 1u);
  EXPECT_EQ(plan.shares[1].count, 64u);
}

TEST(Scheduler, LetsInNoMoreThanItMay) {
  SchedulerLimits limits;
  limits.max_running = 2;
  Rig rig(32, limits);
  for (int i = 0; i < 3; ++i) rig.add(5, i);
  EXPECT_EQ(rig.step().shares.size(), 2u);
  EXPECT_EQ(rig.scheduler.waiting(), 1u);
  rig.scheduler.remove(*rig.sequences[0]);
  EXPECT_EQ(rig.step().admitted.size(), 1u);
}

TEST(Scheduler, TakesPagesFromTheLatestArrivalAndLetsItInAgain) {
  Rig rig(4);
  Sequence& first = rig.add(40, 1);   // two pages
  Sequence& second = rig.add(30, 2);  // one page, and one stays free
  rig.step();
  ASSERT_EQ(rig.scheduler.running(), 2u);
  while (second.preemptions == 0) rig.step();
  EXPECT_TRUE(second.pages.empty());
  EXPECT_EQ(first.preemptions, 0u);
  const auto tokens = second.tokens;
  while (rig.scheduler.running() == 1 && first.tokens.size() < 120) rig.step();
  rig.scheduler.remove(first);
  const Plan plan = rig.step();
  ASSERT_EQ(plan.admitted, std::vector<Sequence*>{&second});
  EXPECT_EQ(std::vector<std::int32_t>(second.tokens.begin(),
                                      second.tokens.begin() + static_cast<std::ptrdiff_t>(tokens.size())),
            tokens);
}

TEST(Scheduler, SkipsPagesThatAnotherSequenceHasComputed) {
  Rig rig(16);
  rig.add(100, 7);
  rig.step();
  Sequence& second = rig.add(100, 7);
  const Plan plan = rig.step();
  ASSERT_EQ(plan.shares.size(), 2u);
  EXPECT_EQ(plan.shares[1].first, 96u);
  EXPECT_EQ(second.cached_tokens, 96u);
  EXPECT_EQ(second.pages[0], rig.sequences[0]->pages[0]);
  EXPECT_NE(second.pages[3], rig.sequences[0]->pages[3]);
}

TEST(Scheduler, SharesThePagesOfPromptsThatArriveTogether) {
  Rig rig(32);
  rig.add(130, 7);
  Sequence& second = rig.add(130, 7);
  while (second.remaining() > 1) rig.step(64);
  EXPECT_GE(second.cached_tokens, 64u);
  EXPECT_EQ(rig.pool.used(), 6u);  // four shared, and the last page of each
}

TEST(Scheduler, AlwaysComputesTheLastTokenOfAPrompt) {
  Rig rig(16);
  rig.add(64, 7);
  rig.step();
  Sequence& second = rig.add(64, 7);
  rig.step();
  EXPECT_EQ(second.cached_tokens, 32u);
}

TEST(Scheduler, GivesEveryRowOfAPromptThatIsScoredAndTakesNoneOfThemFromTheCache) {
  SchedulerLimits limits;
  limits.max_rows = 16;
  Rig rig(16, limits);
  rig.add(70, 7);
  rig.step();
  Sequence& scored = rig.add(70, 7);
  scored.rows_begin = 40;
  scored.rows_end = 69;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> rows;
  while (scored.computed < 70) {
    for (const Share& share : rig.scheduler.plan(512).shares) {
      if (share.sequence != &scored) continue;
      if (share.outputs == Outputs::kAll) rows.emplace_back(share.first, share.count);
      scored.rows_begin = std::max(scored.rows_begin, share.first + share.count);
    }
    rig.scheduler.complete();
    if (rig.sequences[0]->remaining() == 0) rig.sequences[0]->tokens.push_back(1);
  }
  EXPECT_EQ(scored.cached_tokens, 32u);
  EXPECT_EQ(rows, (std::vector<std::pair<std::uint32_t, std::uint32_t>>{{40, 16}, {56, 14}}));
}

TEST(Scheduler, AlternatesBetweenGenerationsAndEmbeddings) {
  Rig rig(64);
  rig.add(10, 1);
  Sequence& embedding = rig.add(200, 2);
  embedding.work = Work::kEmbed;
  embedding.rows_end = 200;
  std::vector<model::OutputKind> kinds;
  for (int i = 0; i < 4; ++i) kinds.push_back(rig.step(50).kind);
  EXPECT_NE(kinds[0], kinds[1]);
  EXPECT_EQ(kinds[0], kinds[2]);
  EXPECT_EQ(kinds[1], kinds[3]);
}

struct Arrival {
  std::uint32_t after_steps, prompt, answer, prefix;
  bool cancelled;
};

/// Random traffic on a small pool: each sequence ends exactly once, after the tokens it asked for, and time
/// is bounded.
RC_GTEST_PROP(Scheduler, ServesEverybodyForAnyTraffic, ()) {
  const auto number = [](int low, int high) {
    return rc::gen::map(rc::gen::inRange(low, high), [](int n) { return static_cast<std::uint32_t>(n); });
  };
  const std::uint32_t pages = *number(4, 20);
  SchedulerLimits limits;
  limits.max_running = *number(1, 9);
  limits.max_step_tokens = limits.max_running + *number(1, 100);
  const std::uint32_t prefill_tokens = *number(1, 200);
  const auto arrivals = *rc::gen::container<std::vector<Arrival>>(
      rc::gen::construct<Arrival>(number(0, 6), number(1, 90), number(1, 60), number(0, 2),
                                  rc::gen::map(rc::gen::inRange(0, 8), [](int n) { return n == 0; })));

  PagePool pool(pages);
  Scheduler scheduler(limits, pool);
  std::vector<std::unique_ptr<Sequence>> sequences;
  std::map<const Sequence*, std::uint32_t> wanted;
  std::vector<Sequence*> live;
  std::size_t next = 0, ended = 0, steps = 0, work = 0;
  std::uint32_t until_next = 0;
  const auto end = [&](Sequence* sequence) {
    scheduler.remove(*sequence);
    RC_ASSERT(std::erase(live, sequence) == 1u);
    ++ended;
  };
  for (const Arrival& arrival : arrivals) work += arrival.prompt + arrival.answer + arrival.after_steps;
  while (next < arrivals.size() || !live.empty()) {
    RC_ASSERT(
        ++steps <
        100 + 20 * work);  // nobody starves: preempted work is bounded by what the earliest does meanwhile
    while (next < arrivals.size() && until_next == 0) {
      const Arrival& arrival = arrivals[next++];
      auto sequence = std::make_unique<Sequence>();
      sequence->arrival = next;
      sequence->prompt_tokens = arrival.prompt;
      sequence->tokens.assign(arrival.prompt, static_cast<std::int32_t>(arrival.prefix));
      wanted[sequence.get()] = std::min(arrival.prompt + arrival.answer, pages * kPageTokens);
      scheduler.add(*sequence);
      live.push_back(sequence.get());
      sequences.push_back(std::move(sequence));
      if (arrival.cancelled && live.size() > 1) end(live[live.size() / 2]);
      if (next < arrivals.size()) until_next = arrivals[next].after_steps;
    }
    if (until_next > 0) --until_next;
    const Plan& plan = scheduler.plan(prefill_tokens);
    RC_ASSERT(plan.shares.empty() == live.empty());
    RC_ASSERT(scheduler.running() <= limits.max_running);
    std::uint32_t tokens = 0;
    for (const Share& share : plan.shares) {
      RC_ASSERT(share.count >= 1u && share.first == share.sequence->computed);
      RC_ASSERT(share.first + share.count <= share.sequence->tokens.size());
      RC_ASSERT(share.sequence->pages.size() * kPageTokens >= share.first + share.count);
      RC_ASSERT((share.outputs == Outputs::kLast) ==
                (share.first + share.count == share.sequence->tokens.size()));
      tokens += share.count;
    }
    RC_ASSERT(tokens <= limits.max_step_tokens);
    const std::vector<Share> shares = plan.shares;
    scheduler.complete();
    for (const Share& share : shares) {
      Sequence& sequence = *share.sequence;
      if (sequence.remaining() > 0) continue;
      if (sequence.tokens.size() >= wanted[&sequence]) {
        end(&sequence);
      } else {
        sequence.tokens.push_back(
            static_cast<std::int32_t>(sequence.arrival * 1000 + sequence.tokens.size()));
      }
    }
    pool.check();
  }
  RC_ASSERT(ended == arrivals.size());
  RC_ASSERT(pool.used() == 0u);
}

}  // namespace
}  // namespace zswarm::node
