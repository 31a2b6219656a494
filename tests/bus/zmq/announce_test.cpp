#include "bus/zmq/announce.h"

#include <gtest/gtest.h>

#include "bus/zmq/interfaces.h"

namespace zswarm::bus {
namespace {

TEST(Announce, WhatNobodyNamesIsWhereTheSocketListens) {
  EXPECT_EQ(endpoint_to_tell({}, Socket::kJoin, "192.0.2.7:0", 7000).text(), "192.0.2.7:7000");
  EXPECT_EQ(endpoint_to_tell({}, Socket::kJoin, "[::1]:0", 7000).text(), "[::1]:7000");
}

TEST(Announce, AWildcardIsNeverTold) {
  for (const char* listen : {"*:0", "0.0.0.0:0", "[::]:0"}) {
    const Endpoint told = endpoint_to_tell({}, Socket::kJoin, listen, 7000);
    EXPECT_FALSE(is_wildcard(told.host)) << listen;
    EXPECT_TRUE(parse_endpoint(told.text())) << told.text();
  }
}

TEST(Announce, AHostStandsForAllSocketsAndEachCanBeNamed) {
  AnnounceAddresses announce;
  announce.host = "203.0.113.5";
  announce.sockets[static_cast<std::size_t>(Socket::kGossip)] = Endpoint{"203.0.113.6", 8001};
  announce.sockets[static_cast<std::size_t>(Socket::kControl)] = Endpoint{"203.0.113.7", 0};
  EXPECT_EQ(endpoint_to_tell(announce, Socket::kJoin, "*:0", 7000).text(), "203.0.113.5:7000");
  EXPECT_EQ(endpoint_to_tell(announce, Socket::kGossip, "*:0", 7001).text(), "203.0.113.6:8001");
  EXPECT_EQ(endpoint_to_tell(announce, Socket::kControl, "*:0", 7002).text(), "203.0.113.7:7002");
}

TEST(Interfaces, LoopbackComesFirstAndHasItsAddress) {
  const auto interfaces = interfaces_up();
  ASSERT_FALSE(interfaces.empty());
  EXPECT_TRUE(interfaces[0].loopback);
  EXPECT_EQ(interfaces[0].ipv4.at(0), "127.0.0.1");
  EXPECT_TRUE(interfaces[0].multicast);
}

TEST(Interfaces, TheNameOfOneStandsForItsAddress) {
  EXPECT_EQ(host_to_tell(interfaces_up().at(0).name), "127.0.0.1");
}

}  // namespace
}  // namespace zswarm::bus
