#include "bus/zmq/lan_socket.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

namespace zswarm::bus {
namespace {

using namespace std::chrono_literals;

/// A port of this test's own, so that nodes that run on this machine do not disturb it.
constexpr std::uint16_t kPort = 27391;

/// What has come within a second, at the latest when there are `count`.
std::vector<LanSocket::Received> wait_for(LanSocket& socket, std::size_t count) {
  std::vector<LanSocket::Received> all;
  const auto until = std::chrono::steady_clock::now() + 1s;
  while (all.size() < count && std::chrono::steady_clock::now() < until) {
    std::vector<zmq::pollitem_t> items;
    socket.add_poll_items(items);
    zmq::poll(items, 50ms);
    for (auto& received : socket.receive(64)) all.push_back(std::move(received));
  }
  return all;
}

TEST(LanSocket, SocketsOnOneMachineHearEachOtherAndThemselvesOverLoopback) {
  LanSocket first(kPort, "127.0.0.1"), second(kPort, "127.0.0.1");
  ASSERT_TRUE(first.refresh().status);
  ASSERT_TRUE(second.refresh().status);
  ASSERT_EQ(first.ways(), 1u);
  const Bytes datagram(100, 7);
  EXPECT_EQ(first.send(datagram), 1u);
  for (LanSocket* socket : {&first, &second}) {
    const auto received = wait_for(*socket, 1);
    ASSERT_EQ(received.size(), 1u);
    EXPECT_EQ(received[0].datagram, datagram);
    EXPECT_EQ(received[0].host, "127.0.0.1");
  }
}

TEST(LanSocket, OnAllInterfacesASocketIsHeardFromEachOfItsAddresses) {
  LanSocket first(kPort, "*"), second(kPort, "*");
  const auto refreshed = first.refresh();
  ASSERT_TRUE(refreshed.status) << refreshed.status.error().message;
  EXPECT_TRUE(refreshed.new_interface);
  ASSERT_TRUE(second.refresh().status);
  const std::size_t sent = first.send(Bytes(100, 8));
  EXPECT_GE(sent, 1u);
  const auto received = wait_for(second, sent);
  EXPECT_GE(received.size(), 1u);
  const auto interfaces = interfaces_up();
  for (const auto& one : received) {
    EXPECT_TRUE(std::any_of(interfaces.begin(), interfaces.end(), [&](const Interface& i) {
      return std::find(i.ipv4.begin(), i.ipv4.end(), one.host) != i.ipv4.end() ||
             std::find(i.ipv6.begin(), i.ipv6.end(), one.host) != i.ipv6.end();
    })) << one.host;
  }
}

TEST(LanSocket, LooksForInterfacesAgainWithoutJoiningTwice) {
  LanSocket socket(kPort, "127.0.0.1");
  EXPECT_TRUE(socket.refresh().new_interface);
  EXPECT_FALSE(socket.refresh().new_interface);
  EXPECT_EQ(socket.ways(), 1u);
}

TEST(LanSocket, AnAddressThatNoInterfaceHasIsToldOnceAndIsNoError) {
  LanSocket socket(kPort, "192.0.2.1");
  EXPECT_FALSE(socket.refresh().status);
  EXPECT_TRUE(socket.refresh().status);
  EXPECT_EQ(socket.send(Bytes(10, 1)), 0u);
}

TEST(LanSocket, LongDatagramsAreCutAndManyAreTakenInTurns) {
  LanSocket first(kPort, "127.0.0.1"), second(kPort, "127.0.0.1");
  ASSERT_TRUE(first.refresh().status);
  ASSERT_TRUE(second.refresh().status);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(first.send(Bytes(1000, 9)), 1u);
  ASSERT_FALSE(wait_for(second, 1).empty());
  const auto some = second.receive(5);
  EXPECT_LE(some.size(), 5u);
  for (const auto& one : some) EXPECT_EQ(one.datagram.size(), 257u);
}

}  // namespace
}  // namespace zswarm::bus
