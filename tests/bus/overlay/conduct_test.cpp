#include "bus/overlay/conduct.h"

#include <gtest/gtest.h>

#include "tests/bus/overlay/small_network.h"

namespace zswarm::bus {
namespace {

class ConductTest : public ::testing::Test {
 protected:
  OverlayConfig config_;
  Conduct conduct_{config_};
  Time now_{Duration(1'000'000)};
};

TEST_F(ConductTest, OneFaultTooManyShunsForAWhile) {
  for (std::uint64_t i = 0; i < config_.faults_borne; ++i)
    EXPECT_FALSE(conduct_.note_fault(now_, node_id(1)));
  EXPECT_FALSE(conduct_.is_shunned(now_, node_id(1)));
  EXPECT_TRUE(conduct_.note_fault(now_, node_id(1)));
  EXPECT_TRUE(conduct_.is_shunned(now_, node_id(1)));
  EXPECT_FALSE(conduct_.is_shunned(now_, node_id(2)));
  EXPECT_FALSE(conduct_.is_shunned(now_ + config_.shun_faulty_for, node_id(1)));
}

TEST_F(ConductTest, RareFaultsAreForgiven) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(conduct_.note_fault(now_, node_id(1)));
    now_ = now_ + config_.forgive_after;
    EXPECT_TRUE(conduct_.may_ask(now_, node_id(2), 1));
  }
}

TEST_F(ConductTest, WhoIsShunnedStaysSoWhileOthersAreForgotten) {
  while (!conduct_.note_fault(now_, node_id(1))) {
  }
  const Time until = now_ + config_.shun_faulty_for;
  for (std::size_t i = 0; now_ + 1s < until; ++i) {
    EXPECT_TRUE(conduct_.is_shunned(now_, node_id(1)));
    EXPECT_TRUE(conduct_.may_ask(now_, node_id(100 + i), 1));
    now_ = now_ + 1s;
  }
  EXPECT_LE(conduct_.size(), 200u);
}

TEST_F(ConductTest, ExcessIsAFaultOnceInASecond) {
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(conduct_.note_excess(now_, node_id(1)));
  for (std::uint64_t i = 1; i < config_.faults_borne; ++i)
    EXPECT_FALSE(conduct_.note_excess(now_ = now_ + 1s, node_id(1)));
  EXPECT_TRUE(conduct_.note_excess(now_ + 1s, node_id(1)));
}

TEST_F(ConductTest, RemembersABoundedNumberOfSenders) {
  config_.senders_max = 50;
  for (std::size_t i = 0; i < 500; ++i) {
    while (!conduct_.note_fault(now_, node_id(i))) {
    }
    ASSERT_LE(conduct_.size(), 50u);
  }
}

TEST_F(ConductTest, SharesAreOfEachNameAndBounded) {
  Shares shares(10, 100, 2);
  EXPECT_TRUE(shares.take(now_, node_id(1), 100));
  EXPECT_FALSE(shares.take(now_, node_id(1), 1));
  EXPECT_TRUE(shares.take(now_, node_id(2), 100));
  EXPECT_TRUE(shares.take(now_ + 1s, node_id(1), 10));
  EXPECT_TRUE(shares.take(now_, node_id(3), 100));
  EXPECT_TRUE(shares.take(now_, node_id(1), 100));  // forgotten, so it begins anew
}

}  // namespace
}  // namespace zswarm::bus
