#include "bus/zmq/limited_log.h"

#include <gtest/gtest.h>

#include <vector>

namespace zswarm::bus {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class LimitedLogTest : public testing::Test {
 protected:
  std::vector<std::string> said_;
  LimitedLog log_{[this](const std::string& sentence) { said_.push_back(sentence); }};
  Time now_{seconds(100)};
};

TEST_F(LimitedLogTest, TheSameSentenceIsToldOnceAMinute) {
  for (int i = 0; i < 590; ++i) log_.say(now_ + milliseconds(100 * i), "node x cannot be reached");
  EXPECT_EQ(said_, std::vector<std::string>{"node x cannot be reached"});
  log_.say(now_ + seconds(60), "node x cannot be reached");
  EXPECT_EQ(said_.size(), 2u);
}

TEST_F(LimitedLogTest, VeryManyDifferentOnesAreToldAtABoundedRate) {
  for (int i = 0; i < 10'000; ++i) log_.say(now_ + milliseconds(i), std::to_string(i));
  EXPECT_GE(said_.size(), LimitedLog::kBurst);
  EXPECT_LE(said_.size(), LimitedLog::kBurst + 10);
}

TEST_F(LimitedLogTest, HowManyWereLeftOutIsToldWithTheNext) {
  for (std::uint64_t i = 0; i < LimitedLog::kBurst + 5; ++i) log_.say(now_, std::to_string(i));
  ASSERT_EQ(said_.size(), LimitedLog::kBurst);
  log_.say(now_ + seconds(2), "and now");
  EXPECT_EQ(said_.back(), "and now (5 other remarks were left out)");
  log_.say(now_ + seconds(3), "and then");
  EXPECT_EQ(said_.back(), "and then");
}

TEST_F(LimitedLogTest, WhatIsRememberedIsBounded) {
  // Slowly enough for the bucket: still no more than kRemembered different ones a minute.
  for (int i = 0; i < 36'000; ++i) log_.say(now_ + milliseconds(100 * i), std::to_string(i));
  EXPECT_GT(said_.size(), 1000u);
  EXPECT_LE(said_.size(), LimitedLog::kBurst + 3600u);
  log_.say(now_ + hours(2), "0");
  EXPECT_TRUE(said_.back().starts_with("0"));
}

}  // namespace
}  // namespace zswarm::bus
