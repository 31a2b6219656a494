#include "bus/zmq/unread_bytes.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace zswarm::bus {
namespace {

TEST(UnreadBytes, AConnectionThatBringsBytesAndNoMessageIsClosed) {
  UnreadBytes<int> unread(100, 1000);
  unread.weigh(1, 5000, true);  // when it is first seen, what came before is not known to be unread
  unread.weigh(1, 5100, true);
  EXPECT_FALSE(unread.surplus());
  unread.weigh(1, 5101, true);
  EXPECT_EQ(unread.surplus(), 1);
  EXPECT_FALSE(unread.surplus());
  EXPECT_EQ(unread.unread(), 0u);
}

TEST(UnreadBytes, WhoBringsMessagesMayBringAnyNumberOfBytes) {
  UnreadBytes<int> unread(100, 1000);
  for (std::uint64_t round = 0; round < 50; ++round) {
    unread.weigh(1, round * 10'000, true);
    EXPECT_FALSE(unread.surplus());
    unread.message(1, 10'000);
  }
  unread.weigh(1, 500'000, true);
  unread.weigh(1, 500'101, true);
  EXPECT_EQ(unread.surplus(), 1);
}

TEST(UnreadBytes, AMessageThatIsReadDoesNotExcuseThoseThatWait) {
  UnreadBytes<int> unread(100, 1000);
  unread.weigh(1, 0, false);
  for (std::uint64_t round = 1; round <= 10; ++round) {
    unread.message(1, 10);
    unread.weigh(1, round * 20, false);
    EXPECT_EQ(unread.unread(), round * 10);
  }
  EXPECT_FALSE(unread.surplus());
  unread.weigh(1, 201, false);
  EXPECT_EQ(unread.surplus(), 1);
}

TEST(UnreadBytes, WhatCameBeforeAMessageIsForgivenWhenNothingWaits) {
  UnreadBytes<int> unread(100, 1000);
  unread.weigh(1, 0, true);
  unread.weigh(1, 90, true);  // heartbeats
  unread.message(1, 10);
  unread.weigh(1, 130, true);
  EXPECT_EQ(unread.unread(), 40u);  // what came since then, perhaps behind the message
  unread.message(1, 10);
  unread.weigh(1, 140, false);
  EXPECT_EQ(unread.unread(), 40u);
}

TEST(UnreadBytes, WhereAllTogetherHaveTooMuchTheHeaviestGoes) {
  UnreadBytes<int> unread(100, 250);
  for (int name : {1, 2, 3}) unread.weigh(name, 0, true);
  unread.weigh(1, 80, true);
  unread.weigh(2, 90, true);
  unread.weigh(3, 80, true);
  EXPECT_FALSE(unread.surplus());
  unread.weigh(3, 85, true);
  EXPECT_EQ(unread.surplus(), 2);
  EXPECT_FALSE(unread.surplus());
  EXPECT_EQ(unread.unread(), 165u);
}

TEST(UnreadBytes, AClosedConnectionWeighsNothing) {
  UnreadBytes<int> unread(100, 1000);
  unread.weigh(1, 0, true);
  unread.weigh(1, 100, true);
  unread.closed(1);
  unread.closed(2);
  unread.message(2, 1);
  EXPECT_EQ(unread.unread(), 0u);
  EXPECT_EQ(unread.size(), 0u);
}

TEST(UnreadBytes, ANewConnectionUnderAnOldNameBeginsAtNothing) {
  UnreadBytes<int> unread(100, 1000);
  unread.weigh(1, 1'000'000, true);
  unread.weigh(1, 50, true);
  EXPECT_EQ(unread.unread(), 0u);
  unread.weigh(1, 151, true);
  EXPECT_EQ(unread.surplus(), 1);
}

RC_GTEST_PROP(UnreadBytesProperty, AfterSurplusTheBoundsHold, ()) {
  UnreadBytes<int> unread(100, 300);
  std::map<int, std::uint64_t> received;
  const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(
      rc::gen::pair(rc::gen::inRange(0, 8), rc::gen::inRange(-2, 120)));
  for (const auto& [name, bytes] : steps) {
    if (bytes == -2) {
      unread.closed(name);
      received.erase(name);
    } else if (bytes == -1) {
      unread.message(name, 5);
    } else {
      unread.weigh(name, received[name] += static_cast<std::uint64_t>(bytes), true);
    }
    while (const auto gone = unread.surplus()) received.erase(*gone);
    RC_ASSERT(unread.unread() <= 300u);
    RC_ASSERT(unread.size() <= received.size());
  }
}

}  // namespace
}  // namespace zswarm::bus
