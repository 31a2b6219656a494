#include "bus/sim/scenario.h"

#include <gtest/gtest.h>

namespace zswarm::bus {
namespace {

ScenarioConfig network_of(std::uint32_t nodes, std::uint64_t seed) {
  ScenarioConfig config;
  config.world.nodes = nodes;
  config.world.seed = seed;
  config.world.overlay.announce_joins = false;
  return config;
}

TEST(Scenario, AThousandNodesReachTheirFigures) {
  const Figures figures = run_scenario(network_of(1000, 1));
  ASSERT_TRUE(figures.converged_9999_s && figures.crash_known_p99_s);
  EXPECT_LE(*figures.converged_9999_s, 2.0);
  EXPECT_LE(figures.idle_bytes_per_node_s, 500);
  EXPECT_LE(*figures.crash_known_p99_s, 5.0);
  EXPECT_EQ(figures.false_deaths, 0u);
  EXPECT_EQ(figures.delivered_to_survivors, 1.0);
}

TEST(Scenario, NewsArriveInTwoSecondsWhereATenthOfTheSegmentsIsLost) {
  ScenarioConfig config = network_of(1000, 2);
  config.world.network.loss = 0.1;
  const Figures figures = run_scenario(config);
  ASSERT_TRUE(figures.converged_9999_s);
  EXPECT_LE(*figures.converged_9999_s, 2.0);
  EXPECT_EQ(figures.false_deaths, 0u);
}

TEST(Scenario, NobodyWhoLivesIsCalledDeadAmongFrozenNodesAndLosses) {
  ScenarioConfig config = network_of(100, 3);
  config.world.network.loss = 0.2;
  config.freeze = 0.1;
  config.duration = Duration(300'000'000);
  const Figures figures = run_scenario(config);
  EXPECT_GT(figures.suspicions, 0u);
  EXPECT_EQ(figures.false_deaths, 0u);
}

TEST(Scenario, NobodyWhoseProcessFreezesIsCalledDeadWhereNothingIsLost) {
  ScenarioConfig config = network_of(100, 8);
  config.freeze = 0.1;
  config.duration = Duration(300'000'000);
  const Figures figures = run_scenario(config);
  EXPECT_GT(figures.suspicions, 0u);
  EXPECT_EQ(figures.false_deaths, 0u);
}

TEST(Scenario, SurvivorsFindAllTheDeadOfAMassDeath) {
  ScenarioConfig config = network_of(200, 9);
  config.kill = 0.8;
  config.duration = Duration(3'600'000'000);
  const Figures figures = run_scenario(config);
  EXPECT_EQ(figures.killed_known, 1.0);
  EXPECT_EQ(figures.false_deaths, 0u);
}

TEST(Scenario, SurvivorsOfAMassDeathHearEachOther) {
  ScenarioConfig config = network_of(1000, 4);
  config.kill = 0.8;
  EXPECT_GE(run_scenario(config).delivered_to_survivors, 0.999);
}

TEST(Scenario, ANetworkThatJoinsThroughThreeMembersIsInOnePiece) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    ScenarioConfig config = network_of(400, seed);
    config.warm = false;
    EXPECT_EQ(run_scenario(config).delivered_to_survivors, 1.0) << seed;
  }
}

TEST(Scenario, HostileMembersStopNoNewsAndKillNobody) {
  ScenarioConfig config = network_of(100, 5);
  config.hostile = 0.05;
  config.duration = Duration(30'000'000);
  const Figures figures = run_scenario(config);
  EXPECT_EQ(figures.delivered_to_survivors, 1.0);
  EXPECT_EQ(figures.false_deaths, 0u);
}

TEST(Scenario, OneSeedGivesOneTrace) {
  ScenarioConfig config = network_of(60, 6);
  config.world.network.loss = 0.1;
  config.freeze = 0.05;
  config.hostile = 0.05;
  config.duration = Duration(24'000'000);
  const Figures one = run_scenario(config), two = run_scenario(config);
  EXPECT_EQ(one.trace_hash, two.trace_hash);
  EXPECT_EQ(one.messages, two.messages);
  config.world.seed = 7;
  EXPECT_NE(run_scenario(config).trace_hash, one.trace_hash);
}

TEST(Scenario, TheTraceIsTheSameOnEveryMachine) {
  ScenarioConfig config = network_of(30, 1);
  config.world.network.loss = 0.1;
  config.duration = Duration(12'000'000);
  // A change of protocol or simulator changes this number; a change of machine or compiler must not.
  EXPECT_EQ(run_scenario(config).trace_hash, 12987067541185837019ull);
}

}  // namespace
}  // namespace zswarm::bus
