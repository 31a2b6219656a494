#include "bus/overlay/obituaries.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/bus/overlay/small_network.h"

namespace zswarm::bus {
namespace {

TEST(Obituaries, TellsTheEndsSinceATime) {
  Obituaries told(3600s, 100);
  const auto at = [](int s) { return Time{Duration(1'000'000 * s)}; };
  for (int i = 1; i <= 5; ++i) EXPECT_TRUE(told.take(at(i), node_id(static_cast<std::size_t>(i)), 7, false));
  EXPECT_TRUE(told.take(at(6), node_id(4), 8, true));
  EXPECT_EQ(told.dead_since(node_id(2)), at(2));
  EXPECT_FALSE(told.dead_since(node_id(4)));
  const auto ends = told.ends_since(at(3));
  ASSERT_EQ(ends.size(), 2u);
  EXPECT_EQ(ends[0].id, node_id(5));
  EXPECT_EQ(ends[1].id, node_id(3));
  EXPECT_EQ(ends[1].incarnation, 7u);
  EXPECT_EQ(told.incarnation(node_id(4)), 8u);
  EXPECT_EQ(told.incarnation(node_id(9)), 0u);
}

TEST(Obituaries, AnEndOverridesALifeOfTheSameIncarnation) {
  Obituaries told(120s, 100);
  EXPECT_TRUE(told.take(Time{}, node_id(1), 5, true));
  EXPECT_TRUE(told.take(Time{}, node_id(1), 5, false));
  EXPECT_TRUE(told.is_dead(node_id(1)));
  EXPECT_FALSE(told.take(Time{}, node_id(1), 5, true));
  EXPECT_TRUE(told.take(Time{}, node_id(1), 6, true));
  EXPECT_FALSE(told.take(Time{}, node_id(1), 5, false));
  EXPECT_FALSE(told.is_dead(node_id(1)));
}

RC_GTEST_PROP(Obituaries, ComesToTheSameEndInAnyOrder, (std::vector<std::pair<std::uint8_t, bool>> news)) {
  const auto state_after = [](const auto& all) {
    Obituaries told(120s, 100);
    for (const auto& [incarnation, lives] : all) (void)told.take(Time{}, node_id(1), incarnation, lives);
    return told.is_dead(node_id(1));
  };
  auto reversed = news;
  std::reverse(reversed.begin(), reversed.end());
  RC_ASSERT(state_after(news) == state_after(reversed));
}

TEST(Obituaries, RemembersABoundedNumber) {
  Obituaries told(120s, 100);
  for (std::size_t i = 0; i < 1000; ++i) EXPECT_TRUE(told.take(Time{}, node_id(i), 1, false));
  EXPECT_LE(told.size(), 102u);
  EXPECT_TRUE(told.is_dead(node_id(999)));
  EXPECT_FALSE(told.is_dead(node_id(0)));
}

}  // namespace
}  // namespace zswarm::bus
