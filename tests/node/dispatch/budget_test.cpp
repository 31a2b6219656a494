#include "node/dispatch/budget.h"

#include <gtest/gtest.h>

namespace zswarm::node {
namespace {

using namespace std::chrono_literals;

constexpr bus::Time kStart{std::chrono::seconds(5)};

int take_all(Budget& budget, bus::Time now) {
  int taken = 0;
  while (taken < 100'000 && budget.take(now)) ++taken;
  return taken;
}

TEST(Budget, IsAShareOfAllRequestsAfterItsBurst) {
  Budget budget({.share = 0.125, .per_s = 0.001, .burst = 10});
  EXPECT_EQ(take_all(budget, kStart), 10);
  int taken = 0;
  for (int i = 0; i < 800; ++i) {
    budget.on_request();
    if (budget.take(kStart)) ++taken;
  }
  EXPECT_EQ(taken, 100);
}

TEST(Budget, KeepsNoMoreThanItsBurst) {
  Budget budget({.share = 0.5, .per_s = 100, .burst = 10});
  for (int i = 0; i < 1000; ++i) budget.on_request();
  EXPECT_EQ(take_all(budget, kStart), 10);
  EXPECT_EQ(take_all(budget, kStart + 1h), 10);
}

TEST(Budget, SaysWhenThereWillBeOne) {
  Budget budget({.share = 0.1, .per_s = 4, .burst = 1});
  EXPECT_EQ(budget.ready_at(kStart), kStart);
  EXPECT_TRUE(budget.take(kStart));
  const bus::Time ready = budget.ready_at(kStart);
  EXPECT_EQ(ready, kStart + 250ms);
  EXPECT_FALSE(budget.take(ready - 1ms));
  EXPECT_TRUE(budget.take(ready + 1us));
}

}  // namespace
}  // namespace zswarm::node
