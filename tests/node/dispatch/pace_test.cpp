#include "node/dispatch/pace.h"

#include <gtest/gtest.h>

namespace zswarm::node {
namespace {

using namespace std::chrono_literals;
using Phase = Progress::Phase;

constexpr bus::Time kBegin{std::chrono::seconds(50)};

/// A pace that has seen tokens every `gap` until the returned time.
bus::Time decode(Pace& pace, bus::Duration gap, int tokens, bus::Time at = kBegin) {
  for (int i = 0; i < tokens; ++i) at = at + gap, pace.on_tokens(at);
  return at;
}

TEST(Pace, BeforeTheFirstTokenTheBoundIsWhatWasExpectedButAtLeastASecond) {
  EXPECT_EQ(Pace(kBegin, 10ms, 20ms).stalls_at(), kBegin + 1s);
  EXPECT_EQ(Pace(kBegin, 7s, 20ms).stalls_at(), kBegin + 7s);
}

TEST(Pace, ABeatThatShowsProgressStartsTheBoundAnew) {
  Pace pace(kBegin, 1s, 20ms);
  pace.on_beat(kBegin + 900ms, {Phase::kWaiting, 5});
  EXPECT_EQ(pace.stalls_at(), kBegin + 1900ms);
  pace.on_beat(kBegin + 1800ms, {Phase::kWaiting, 5});  // the engine stands still
  EXPECT_EQ(pace.stalls_at(), kBegin + 1900ms);
  pace.on_beat(kBegin + 1800ms, {Phase::kPrefill, 5});
  EXPECT_EQ(pace.stalls_at(), kBegin + 2800ms);
  pace.on_beat(kBegin + 2700ms, {Phase::kPrefill, 6});
  EXPECT_EQ(pace.stalls_at(), kBegin + 3700ms);
}

TEST(Pace, BeatsAloneDoNotHelpForEver) {
  Pace pace(kBegin, 1s, 20ms);
  std::uint64_t steps = 0;
  bus::Time at = kBegin;
  while (at < pace.stalls_at()) pace.on_beat(at = at + 500ms, {Phase::kDecode, ++steps});
  EXPECT_LE(at - kBegin, Pace::kPatience + 500ms);
  EXPECT_GE(at - kBegin, Pace::kPatience - 500ms);
}

TEST(Pace, LearnsTheBoundFromTheGapsBetweenTokens) {
  Pace fast(kBegin, 1s, 20ms), slow(kBegin, 1s, 20ms);
  EXPECT_EQ(fast.stalls_at() - kBegin, 1s);
  const bus::Time fast_at = decode(fast, 10ms, 30), slow_at = decode(slow, 2s, 60);
  EXPECT_EQ(fast.stalls_at() - fast_at, Pace::kGapMin);
  EXPECT_GT(slow.stalls_at() - slow_at, 2s);
  EXPECT_LT(slow.stalls_at() - slow_at, 3s);
}

TEST(Pace, AnUnsteadyPaceHasAWiderBound) {
  Pace steady(kBegin, 1s, 20ms), unsteady(kBegin, 1s, 20ms);
  decode(steady, 150ms, 40);
  bus::Time at = kBegin;
  for (int i = 0; i < 20; ++i) at = decode(unsteady, 50ms, 1, at), at = decode(unsteady, 250ms, 1, at);
  EXPECT_GT(unsteady.bound(), 2 * steady.bound());
}

TEST(Pace, IsCarefulUntilItHasSeenSomeGaps) {
  Pace pace(kBegin, 1s, 20ms);
  const bus::Time at = decode(pace, 10ms, 3);
  EXPECT_EQ(pace.stalls_at() - at, Pace::kFirstMin);
}

TEST(Pace, NeverWaitsLongerThanItsLargestBound) {
  Pace pace(kBegin, 1s, 20ms);
  const bus::Time at = decode(pace, 100s, 10);
  EXPECT_EQ(pace.stalls_at() - at, Pace::kGapMax);
}

TEST(Pace, StandsStillWhileThePausedClientDoesNotRead) {
  Pace pace(kBegin, 1s, 20ms);
  const bus::Time at = decode(pace, 10ms, 30);
  pace.pause();
  EXPECT_EQ(pace.stalls_at(), bus::kNever);
  pace.resume(at + 100s);
  EXPECT_EQ(pace.stalls_at(), at + 100s + Pace::kGapMin);
}

}  // namespace
}  // namespace zswarm::node
