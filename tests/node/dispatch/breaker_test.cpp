#include "node/dispatch/breaker.h"

#include <gtest/gtest.h>

namespace zswarm::node {
namespace {

using namespace std::chrono_literals;
using State = Breaker::State;

class BreakerTest : public ::testing::Test {
 protected:
  void fail_once() {
    const bool probe = breaker_.on_start(now_);
    breaker_.on_failure(now_, probe, random_);
  }
  void succeed_once() {
    (void)breaker_.on_start(now_);
    breaker_.on_success();
  }
  void wait_until_half_open() {
    now_ = breaker_.open_until();
    ASSERT_EQ(breaker_.state(now_), State::kHalfOpen);
  }

  bus::Random random_{1};
  Breaker breaker_;
  bus::Time now_{std::chrono::seconds(10)};
};

TEST_F(BreakerTest, OpensAfterThreeFailuresInARow) {
  fail_once(), fail_once(), succeed_once(), fail_once(), fail_once();
  EXPECT_TRUE(breaker_.admits(now_));
  fail_once();
  EXPECT_EQ(breaker_.state(now_), State::kOpen);
  EXPECT_FALSE(breaker_.admits(now_));
}

TEST_F(BreakerTest, OpensWhenAQuarterOfTheLatestRequestsFailed) {
  for (int i = 0; i < 4; ++i) fail_once(), succeed_once(), succeed_once();
  EXPECT_TRUE(breaker_.admits(now_));
  fail_once();
  EXPECT_FALSE(breaker_.admits(now_));
}

TEST_F(BreakerTest, FailuresOfLongAgoDoNotCount) {
  for (int i = 0; i < 50; ++i) {
    fail_once();
    for (int k = 0; k < 5; ++k) succeed_once();
  }
  EXPECT_TRUE(breaker_.admits(now_));
}

TEST_F(BreakerTest, LetsOneProbeThroughWhenItsTimeIsOver) {
  for (int i = 0; i < 3; ++i) fail_once();
  wait_until_half_open();
  EXPECT_TRUE(breaker_.admits(now_));
  EXPECT_TRUE(breaker_.on_start(now_));
  EXPECT_FALSE(breaker_.admits(now_)) << "one is on its way";
  breaker_.on_success();
  EXPECT_EQ(breaker_.state(now_), State::kClosed);
}

TEST_F(BreakerTest, AProbeThatTellsNothingMakesRoomForTheNext) {
  for (int i = 0; i < 3; ++i) fail_once();
  wait_until_half_open();
  breaker_.on_neither(breaker_.on_start(now_));
  EXPECT_TRUE(breaker_.admits(now_));
}

TEST_F(BreakerTest, StaysOpenTwiceAsLongAfterEachFailedProbeUpToAMinute) {
  for (int i = 0; i < 3; ++i) fail_once();
  bus::Duration last = breaker_.open_until() - now_;
  EXPECT_GE(last, Breaker::kOpenMin);
  EXPECT_LE(last, Breaker::kOpenMin * 5 / 4);
  for (int i = 0; i < 12; ++i) {
    wait_until_half_open();
    fail_once();
    const bus::Duration here = breaker_.open_until() - now_;
    EXPECT_LE(here, Breaker::kOpenMax);
    if (last < 40s) {
      EXPECT_GT(here, last * 3 / 2);
    }
    last = here;
  }
  EXPECT_EQ(last, Breaker::kOpenMax);
}

TEST_F(BreakerTest, LateFailuresOfEarlierRequestsDoNotProlongTheQuarantine) {
  for (int i = 0; i < 3; ++i) fail_once();
  const bus::Time until = breaker_.open_until();
  breaker_.on_failure(now_, false, random_);
  wait_until_half_open();
  breaker_.on_failure(now_, false, random_);
  EXPECT_EQ(breaker_.open_until(), until);
  EXPECT_TRUE(breaker_.admits(now_));
}

TEST(Breaker, KnowsWhoseFaultAnErrorIs) {
  for (const auto code : {ErrorCode::kInvalidArgument, ErrorCode::kContextLength, ErrorCode::kCancelled,
                          ErrorCode::kUnavailable, ErrorCode::kNotFound})
    EXPECT_FALSE(is_nodes_fault(code)) << error_code_name(code);
  for (const auto code : {ErrorCode::kInternal, ErrorCode::kOutOfMemory, ErrorCode::kCorrupt, ErrorCode::kIo})
    EXPECT_TRUE(is_nodes_fault(code)) << error_code_name(code);
}

}  // namespace
}  // namespace zswarm::node
