#include "bus/ledger/hlc.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace zswarm::bus {
namespace {

constexpr std::int64_t kNowMs = 1'800'000'000'000;

TEST(HybridClock, FollowsTheWallClock) {
  HybridClock clock;
  EXPECT_EQ(clock.tick({kNowMs})->packed, static_cast<std::uint64_t>(kNowMs) << 16);
  EXPECT_EQ(clock.tick({kNowMs})->counter(), 1);
  EXPECT_EQ(clock.tick({kNowMs + 1}), Hlc::at(kNowMs + 1));
}

TEST(HybridClock, GoesOnWhenTheWallClockStepsBack) {
  HybridClock clock;
  const Hlc before = *clock.tick({kNowMs});
  const auto after = clock.tick({kNowMs - kMaxAheadMs});
  ASSERT_TRUE(after);
  EXPECT_GT(*after, before);
  EXPECT_EQ(after->ms(), kNowMs);
}

TEST(HybridClock, SaysSoWhenTheWallClockStepsBackTooFar) {
  HybridClock clock;
  const Hlc before = *clock.tick({kNowMs});
  const auto after = clock.tick({kNowMs - kMaxAheadMs - 1});
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, ErrorCode::kBusy);
  EXPECT_EQ(clock.last(), before);
  EXPECT_TRUE(clock.tick({kNowMs - kMaxAheadMs}));
}

TEST(HybridClock, CarriesAFullCounterIntoTheMilliseconds) {
  HybridClock clock;
  ASSERT_TRUE(clock.observe({Hlc::at(kNowMs).packed | 0xffff}, {kNowMs}));
  const auto next = clock.tick({kNowMs});
  ASSERT_TRUE(next);
  EXPECT_EQ(*next, Hlc::at(kNowMs + 1));
}

TEST(HybridClock, RefusesStampsFromTooFarAheadUntouched) {
  HybridClock clock;
  ASSERT_TRUE(clock.tick({kNowMs}));
  const Hlc before = clock.last();
  EXPECT_FALSE(clock.observe(Hlc::at(kNowMs + kMaxAheadMs + 1), {kNowMs}));
  EXPECT_FALSE(clock.observe({~std::uint64_t{0}}, {kNowMs}));
  EXPECT_EQ(clock.last(), before);
  EXPECT_TRUE(clock.observe(Hlc::at(kNowMs + kMaxAheadMs), {kNowMs}));
  EXPECT_EQ(clock.last(), Hlc::at(kNowMs + kMaxAheadMs));
}

TEST(HybridClock, LivesWithAWallClockBefore1970AndFarInTheFuture) {
  EXPECT_EQ(HybridClock().tick({-5})->ms(), 0);
  EXPECT_LE(HybridClock().tick({std::int64_t{1} << 60})->packed, Hlc::kMax);
}

RC_GTEST_PROP(HybridClock, NeverRepeatsAStampNorRunsAwayFromTheWallClock,
              (const std::vector<std::pair<std::int16_t, std::int16_t>>& steps)) {
  HybridClock clock;
  std::int64_t wall = kNowMs;
  for (const auto& [step, remote] : steps) {
    wall += step / 16;
    const Hlc before = clock.last();
    if (remote % 2 != 0) {
      (void)clock.observe(Hlc::at(wall + remote), {wall});
      RC_ASSERT(clock.last() >= before);
    } else if (const auto stamp = clock.tick({wall})) {
      RC_ASSERT(*stamp > before);
      RC_ASSERT(stamp->ms() <= wall + kMaxAheadMs);
    }
  }
}

}  // namespace
}  // namespace zswarm::bus
