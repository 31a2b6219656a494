#include "node/dispatch/choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zswarm::node {
namespace {

using ::testing::HasSubstr;

bus::NodeId node_named(std::uint8_t n) {
  bus::NodeId id;
  id.bytes.fill(n);
  return id;
}

Candidate candidate(std::uint8_t n, double running = 0, double waiting = 0) {
  Candidate c;
  c.id = node_named(n);
  c.load = LoadNow{running, waiting, 8, 0, 1000, 25, 4, running / 8};
  return c;
}

class ChoiceTest : public ::testing::Test {
 protected:
  std::optional<Chosen> pick(Strategy strategy, std::span<const Candidate> candidates, Ask ask = {512, 100}) {
    return choose(strategy, ask, candidates, turn_, random_, estimates_);
  }
  /// How often each is chosen.
  std::vector<int> picks(Strategy strategy, std::span<const Candidate> candidates, int count = 1000) {
    std::vector<int> picks(candidates.size());
    for (int i = 0; i < count; ++i) picks[pick(strategy, candidates).value().index] += 1;
    return picks;
  }

  bus::Random random_{1};
  RoundRobin turn_;
  std::vector<Estimate> estimates_;
};

TEST_F(ChoiceTest, AutoGoesWhereThePromptIsCached) {
  std::vector<Candidate> nodes{candidate(1), candidate(2), candidate(3)};
  nodes[1].cached_tokens = 3900;
  EXPECT_EQ(pick(Strategy::kAuto, nodes, {4000, 20})->index, 1u);
}

TEST_F(ChoiceTest, AutoLeavesACacheWhoseQueueIsLonger) {
  std::vector<Candidate> nodes{candidate(1), candidate(2, 8, 1), candidate(3)};
  nodes[1].cached_tokens = 3900;
  nodes[1].load->service_s = 60;
  EXPECT_NE(pick(Strategy::kAuto, nodes, {4000, 20})->index, 1u);
}

TEST_F(ChoiceTest, AutoCountsTheLinkAndTheLatenessSeenHere) {
  std::vector<Candidate> nodes{candidate(1), candidate(2), candidate(3)};
  nodes[0].rtt_s = 3;
  nodes[1].lateness = 4;
  EXPECT_EQ(pick(Strategy::kAuto, nodes)->index, 2u);
}

TEST_F(ChoiceTest, AmongEqualsAutoTakesTheOneOfTwoWithFewerOfOurOwnRequests) {
  std::vector<Candidate> nodes{candidate(1), candidate(2), candidate(3), candidate(4)};
  for (std::uint32_t i = 0; i < 4; ++i) nodes[i].own_open = i;
  const auto counts = picks(Strategy::kAuto, nodes, 6000);
  EXPECT_NEAR(counts[0], 3000, 200);
  EXPECT_NEAR(counts[1], 2000, 200);
  EXPECT_NEAR(counts[2], 1000, 200);
  EXPECT_EQ(counts[3], 0);
}

TEST_F(ChoiceTest, ANodeWithoutAHintCountsAsAverageNotAsIdle) {
  std::vector<Candidate> nodes{candidate(1, 0), candidate(2, 7), candidate(3)};
  nodes[2].load.reset();
  nodes[1].load->decode_tps = 5;
  const auto counts = picks(Strategy::kAuto, nodes);
  EXPECT_EQ(counts[0], 1000);
  const LoadNow average = average_load(nodes);
  EXPECT_EQ(average.running, 3.5);
  EXPECT_EQ(average.decode_tps, 15);
}

TEST_F(ChoiceTest, NothingIsChosenWhenAllAreFullAndStandbysOnlyThen) {
  std::vector<Candidate> nodes{candidate(1, 8, 2), candidate(2, 8, 2), candidate(3)};
  nodes[2].standby = true;
  EXPECT_EQ(pick(Strategy::kAuto, nodes)->index, 2u);
  nodes[0] = candidate(1, 7);
  EXPECT_EQ(pick(Strategy::kAuto, nodes)->index, 0u);
  nodes[0] = candidate(1, 8, 2), nodes[2].load = LoadNow{8, 3, 8, 0, 1000, 25, 4, 1};
  EXPECT_FALSE(pick(Strategy::kAuto, nodes));
  EXPECT_FALSE(pick(Strategy::kAuto, {}));
}

TEST_F(ChoiceTest, RoundRobinTakesOneAfterTheOther) {
  const std::vector<Candidate> nodes{candidate(1), candidate(2), candidate(3)};
  std::vector<std::size_t> order;
  for (int i = 0; i < 7; ++i) order.push_back(pick(Strategy::kRoundRobin, nodes)->index);
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 0, 1, 2, 0}));
}

TEST_F(ChoiceTest, WeightedFollowsTheWeights) {
  std::vector<Candidate> nodes{candidate(1), candidate(2), candidate(3)};
  nodes[1].weight = 3;
  nodes[2].weight = 6;
  const auto counts = picks(Strategy::kWeighted, nodes, 5000);
  EXPECT_NEAR(counts[0], 500, 100);
  EXPECT_NEAR(counts[1], 1500, 150);
}

TEST_F(ChoiceTest, TheOtherStrategiesTakeTheLeastOfTheirs) {
  std::vector<Candidate> nodes{candidate(1, 5), candidate(2, 6), candidate(3, 1)};
  nodes[0].own_open = 3, nodes[1].own_open = 1, nodes[2].own_open = 2;
  nodes[0].first_token_s = 0.1, nodes[1].first_token_s = 0.5, nodes[2].first_token_s = 0.3;
  EXPECT_EQ(pick(Strategy::kLeastConnections, nodes)->index, 1u);
  EXPECT_EQ(pick(Strategy::kLeastLatency, nodes)->index, 0u);
  EXPECT_EQ(pick(Strategy::kResources, nodes)->index, 2u);
}

TEST_F(ChoiceTest, AnEstimateAddsUp) {
  Candidate node = candidate(1, 8, 0);
  node.rtt_s = 0.01;
  node.cached_tokens = 500;
  node.load->waiting_tokens = 2000;
  const Estimate e = estimate({1500, 50}, node, {});
  EXPECT_DOUBLE_EQ(e.link_s, 0.01);
  EXPECT_DOUBLE_EQ(e.prefill_s, 1);
  EXPECT_DOUBLE_EQ(e.queue_s, 0.5 + 2);  // one of eight places in 4 s, and the prompts before us
  EXPECT_GT(e.gap_s, 1.0 / 25);
  EXPECT_DOUBLE_EQ(e.decode_s, 50 * e.gap_s);
}

TEST(Strategy, KnowsItsNamesAndListsThemForAWrongOne) {
  for (const auto name :
       {"auto", "round-robin", "weighted", "least-connections", "least-latency", "resources"})
    EXPECT_EQ(strategy_name(strategy_of(name).value()), name);
  const auto wrong = strategy_of("best");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message,
            "there is no strategy 'best': use one of auto, round-robin, weighted, least-connections, "
            "least-latency, resources");
}

}  // namespace
}  // namespace zswarm::node
