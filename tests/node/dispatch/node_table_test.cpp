#include "node/dispatch/node_table.h"

#include <gtest/gtest.h>

namespace zswarm::node {
namespace {

using namespace std::chrono_literals;

constexpr ModelHash kServed{4};

bus::NodeId id_of(std::uint8_t n) {
  bus::NodeId id;
  id.bytes.fill(n);
  return id;
}

class NodeTableTest : public ::testing::Test {
 protected:
  static NodeView view(std::uint8_t n, std::uint32_t running = 0, std::uint32_t waiting = 0) {
    NodeView v;
    v.id = id_of(n);
    v.models = {kServed};
    v.hint = hint(running, waiting);
    v.hint_at = bus::Time{100s};
    return v;
  }
  static Hint hint(std::uint32_t running, std::uint32_t waiting) {
    return {false, false, 0, {{model_key(kServed), running, waiting, 8, 0, 1000, 25, 4, 100, {}}}};
  }
  const std::vector<Candidate>& candidates(const Labels& labels = {}) {
    table_.candidates(
        now_, {kServed, labels, [](const auto&) { return false; }, [](const auto&, auto*) { return 0.0; }},
        out_);
    return out_;
  }
  AttemptId start(std::uint8_t n, std::uint32_t tokens = 10) {
    (void)table_.started(now_, {kServed, id_of(n)}, ++attempt_, tokens);
    return attempt_;
  }

  NodeTable table_;
  std::vector<Candidate> out_;
  AttemptId attempt_ = 0;
  bus::Time now_{100s};
  bus::Random random_{1};
};

TEST_F(NodeTableTest, LeavesOutWhoIsSuspectedDrainingInQuarantineBusyOrWithoutTheLabel) {
  std::vector<NodeView> views;
  for (std::uint8_t n = 1; n <= 6; ++n) views.push_back(view(n)), views.back().labels["gpu"] = "true";
  views[1].suspected = true;
  views[2].hint->draining = true;
  views[5].labels["gpu"] = "false";
  table_.set(now_, views);
  for (int i = 0; i < 3; ++i) table_.breaker(id_of(4)).on_failure(now_, false, random_);
  table_.busy(now_, {kServed, id_of(5)});
  ASSERT_EQ(candidates({{"gpu", "true"}}).size(), 1u);
  EXPECT_EQ(out_[0].id, id_of(1));
  EXPECT_EQ(table_.serving(kServed, {{"gpu", "true"}}, 100), 5u);
  EXPECT_EQ(table_.serving(kServed, {{"gpu", "true"}}, 2), 2u);
  EXPECT_EQ(table_.serving({5}, {}, 2), 0u);
}

TEST_F(NodeTableTest, CountsWhatWasSentSinceTheHintUntilTheNextOne) {
  table_.set(now_, {view(1, 2)});
  start(1), start(1), start(1);
  EXPECT_EQ(candidates()[0].load->running, 5);
  EXPECT_EQ(out_[0].own_open, 3u);
  now_ = now_ + 1s;
  table_.set_hint(now_, id_of(1), hint(6, 0));
  EXPECT_EQ(candidates()[0].load->running, 6) << "it knows them now";
}

TEST_F(NodeTableTest, AViewWithoutAHintOrWithAnOlderOneKeepsTheLatest) {
  table_.set(now_, {view(1, 2)});
  now_ = now_ + 1s;
  table_.set_hint(now_, id_of(1), hint(6, 0));
  NodeView bare = view(1);
  bare.hint.reset();
  for (const NodeView& next : {view(1, 3), bare}) {
    table_.set(now_, {next});
    EXPECT_EQ(candidates()[0].load->running, 6);
  }
  NodeView newer = view(1, 1);
  newer.hint_at = now_ + 1s;
  table_.set(now_ + 1s, {newer});
  EXPECT_EQ(candidates()[0].load->running, 1);
}

TEST_F(NodeTableTest, WhatHasEndedSinceTheHintIsNotThereAnyMore) {
  table_.set(now_, {view(1)});
  const AttemptId first = start(1);
  now_ = now_ + 1s;
  table_.set_hint(now_, id_of(1), hint(1, 0));
  table_.ended({kServed, id_of(1)}, first);
  EXPECT_EQ(candidates()[0].load->running, 0);
  table_.set(now_, {view(1)});  // the view, not the hint, is new
  EXPECT_EQ(table_.open(), 0u);
}

TEST_F(NodeTableTest, WhatWaitedIsWorkedOffWithTime) {
  table_.set(now_, {view(1, 8, 4)});
  EXPECT_EQ(candidates()[0].load->waiting, 4);
  now_ = now_ + 1s;  // eight places, four seconds each
  EXPECT_NEAR(candidates()[0].load->waiting, 2, 1e-9);
  now_ = now_ + 100s;
  EXPECT_EQ(candidates()[0].load->waiting, 0);
}

TEST_F(NodeTableTest, ABusyNodeIsLeftAloneLongerEachTimeAndThenForgiven) {
  table_.set(now_, {view(1)});
  const PlaceKey place{kServed, id_of(1)};
  bus::Duration last{0};
  for (int i = 0; i < 8; ++i) {
    table_.busy(now_, place);
    const bus::Time since = now_;
    while (candidates().empty()) now_ = now_ + 10ms;
    EXPECT_GE(now_ - since, std::min(last * 2 - 20ms, NodeTable::kBusyMax));
    last = now_ - since;
  }
  EXPECT_EQ(last, NodeTable::kBusyMax);
  now_ = now_ + 10s;
  table_.busy(now_, place);
  now_ = now_ + NodeTable::kBusyMin;
  EXPECT_EQ(candidates().size(), 1u);
}

TEST_F(NodeTableTest, LearnsHowLateTheFirstTokensOfANodeAre) {
  table_.set(now_, {view(1), view(2)});
  for (int i = 0; i < 40; ++i) {
    table_.first_token({kServed, id_of(1)}, 4, 1);
    table_.first_token({kServed, id_of(2)}, 1e9, 0);
  }
  EXPECT_NEAR(candidates()[0].lateness, 4, 0.3);
  EXPECT_NEAR(out_[0].first_token_s, 4, 0.1);
  EXPECT_EQ(out_[1].lateness, NodeTable::kLatenessMax);
}

TEST_F(NodeTableTest, ForgetsNodesThatAreGoneButNotTheirOpenRequestsOrFailures) {
  table_.set(now_, {view(1), view(2), view(3)});
  const AttemptId at_one = start(1);
  for (int i = 0; i < 3; ++i) table_.breaker(id_of(2)).on_failure(now_, false, random_);
  table_.set(now_, {});
  EXPECT_EQ(table_.nodes(), 2u);
  EXPECT_TRUE(candidates().empty());
  EXPECT_EQ(table_.quarantine(now_, id_of(2)), Breaker::State::kOpen);
  table_.ended({kServed, id_of(1)}, at_one);
  now_ = now_ + 2min;
  table_.set(now_, {});
  EXPECT_EQ(table_.nodes(), 0u);
}

TEST_F(NodeTableTest, AWeightOutOfRangeIsCutAndAForeignOneIsOne) {
  std::vector<NodeView> views{view(1), view(2), view(3)};
  views[0].labels["weight"] = "100000";
  views[1].labels["weight"] = "heavy";
  views[2].labels["weight"] = "-3";
  table_.set(now_, views);
  EXPECT_EQ(candidates()[0].weight, 1000);
  EXPECT_EQ(out_[1].weight, 1);
  EXPECT_EQ(out_[2].weight, 1);
}

}  // namespace
}  // namespace zswarm::node
