#include "node/dispatch/fair_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace zswarm::node {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr bus::Time kNoon{std::chrono::seconds(1000)};
constexpr bus::Duration kPatient = 24h;

std::uint64_t serve_one(FairQueue& queue, bus::Time now = kNoon) {
  const std::uint64_t id = queue.front().value();
  queue.pop(now);
  return id;
}

TEST(FairQueue, SharesTokensNotRequestsBetweenOwners) {
  FairQueue queue(1000);
  // One asks for much at a time, the other for little. Ids say whose: even, odd.
  for (std::uint64_t i = 0; i < 20; ++i) ASSERT_TRUE(queue.push(kNoon, {2 * i, "much", 0, 1000}, kPatient));
  for (std::uint64_t i = 0; i < 200; ++i)
    ASSERT_TRUE(queue.push(kNoon, {2 * i + 1, "little", 0, 100}, kPatient));
  double tokens[2] = {};
  for (int i = 0; i < 110; ++i) {
    const bool little = serve_one(queue) % 2 == 1;
    tokens[little] += little ? 100 : 1000;
  }
  EXPECT_NEAR(tokens[0], tokens[1], 1000);
}

TEST(FairQueue, WhoComesBackAtOnceHasNotForgottenWhatItWasServed) {
  FairQueue queue(1000);
  for (std::uint64_t i = 0; i < 500; ++i) ASSERT_TRUE(queue.push(kNoon, {10 + i, "many", 0, 100}, kPatient));
  ASSERT_TRUE(queue.push(kNoon, {1, "large", 0, 10'000}, kPatient));
  int large = 0;
  for (int i = 0; i < 300; ++i) {
    if (serve_one(queue) != 1) continue;
    ++large;
    ASSERT_TRUE(queue.push(kNoon, {1, "large", 0, 10'000}, kPatient));
  }
  EXPECT_LE(large, 4);
  EXPECT_GE(large, 2);
}

TEST(FairQueue, OfOneOwnerThePriorityGoesFirstButNobodyStarves) {
  FairQueue queue(1000);
  ASSERT_TRUE(queue.push(kNoon, {1, "a", 0, 10}, kPatient));
  ASSERT_TRUE(queue.push(kNoon, {2, "a", 5, 10}, kPatient));
  ASSERT_TRUE(queue.push(kNoon, {3, "a", 5, 10}, kPatient));
  EXPECT_EQ(serve_one(queue), 2u);
  // Whoever comes later than its head start goes behind.
  ASSERT_TRUE(queue.push(kNoon + 6 * FairQueue::kPriorityStep, {4, "a", 5, 10}, kPatient));
  EXPECT_EQ(serve_one(queue), 3u);
  EXPECT_EQ(serve_one(queue), 1u);
  EXPECT_EQ(serve_one(queue), 4u);
}

TEST(FairQueue, OneOwnerCannotFillIt) {
  FairQueue queue(100);
  std::uint64_t id = 0;
  while (queue.push(kNoon, {++id, "greedy", 0, 10}, kPatient)) {
  }
  EXPECT_EQ(queue.size(), 50u);
  for (int owner = 0; owner < 60; ++owner)
    while (queue.push(kNoon, {++id, std::to_string(owner), 0, 10}, kPatient)) {
    }
  EXPECT_EQ(queue.size(), 100u);
}

TEST(FairQueue, SaysHowLongItTakesByItsOwnPace) {
  FairQueue queue(100);
  for (std::uint64_t i = 0; i < 40; ++i) ASSERT_TRUE(queue.push(kNoon, {i + 1, "a", 0, 100}, kPatient));
  bus::Time now = kNoon;
  for (int i = 0; i < 20; ++i) serve_one(queue, now = now + 2s);
  // 50 tokens a second; 2,000 before us and 100 of our own.
  EXPECT_NEAR(static_cast<double>(queue.expected_wait(now, "a", 100).count()) * 1e-6, 42, 1);
  // Another one shares with us: as many of its tokens as we have.
  EXPECT_NEAR(static_cast<double>(queue.expected_wait(now, "b", 100).count()) * 1e-6, 4, 0.5);
  const Status late = queue.push(now, {99, "a", 0, 100}, 10s);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(late.error().message, HasSubstr("42 s"));
  EXPECT_TRUE(queue.push(now, {99, "b", 0, 100}, 10s));
  // If nothing leaves any more, it takes longer.
  EXPECT_GT(queue.expected_wait(now + 100s, "a", 100), 1000s);
}

/// Any pushes, pops and removals.
RC_GTEST_PROP(FairQueue, NobodyIsLostOrServedTwice, ()) {
  FairQueue queue(20);
  std::set<std::uint64_t> inside;
  bus::Time now = kNoon;
  std::uint64_t last = 0;
  for (const int action : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 40))) {
    now = now + 100ms;
    if (action < 20) {
      Waiting waiting{++last, std::to_string(action % 4), static_cast<std::uint8_t>(action % 3),
                      10.0 * (action % 7)};
      if (queue.push(now, waiting, kPatient)) inside.insert(last);
    } else if (action < 30) {
      if (const auto front = queue.front()) {
        RC_ASSERT(inside.erase(*front) == 1);
        queue.pop(now);
      }
    } else if (last > 0) {
      const std::uint64_t id = 1 + static_cast<std::uint64_t>(action) % last;
      queue.remove(id);
      inside.erase(id);
    }
    RC_ASSERT(queue.size() == inside.size());
    RC_ASSERT(queue.front().has_value() == !inside.empty());
  }
  while (const auto front = queue.front()) {
    RC_ASSERT(inside.erase(*front) == 1);
    queue.pop(now);
  }
  RC_ASSERT(inside.empty());
}

}  // namespace
}  // namespace zswarm::node
