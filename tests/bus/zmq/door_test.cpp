// Floods of connections against whole nodes, over real sockets on loopback.
#include "bus/zmq/door.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "bus/keys/descriptor.h"
#include "tests/bus/zmq/bus_node.h"

namespace zswarm::bus {
namespace {

/// A TCP connection that says nothing.
Descriptor connection_to(const Endpoint& endpoint) {
  Descriptor made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(endpoint.port);
  inet_pton(AF_INET, endpoint.host.c_str(), &address.sin_addr);
  if (connect(made.number(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return Descriptor();
  return made;
}

bool is_closed(const Descriptor& connection) {
  char bytes[256];
  for (;;) {
    const ssize_t got = recv(connection.number(), bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got == 0) return true;
    if (got < 0) return errno != EAGAIN && errno != EWOULDBLOCK;
  }
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator open("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(open), end(open)));
}

class Flood : public testing::TestWithParam<Socket> {};

TEST_P(Flood, OfSilentConnectionsIsHeldBackWhileMembersConnect) {
  const Network network;
  Node first(network, {}, "first", [](BusOptions& options) {
    options.limits.strangers_of_address = 16;
    options.limits.handshake = std::chrono::milliseconds(60'000);  // so that only the door closes any
  });
  const Endpoint target = first.socket(GetParam());
  const std::size_t before = open_descriptors();
  std::vector<Descriptor> silent;
  for (int i = 0; i < 300; ++i) {
    silent.push_back(connection_to(target));
    ASSERT_TRUE(silent.back().open()) << i;
  }
  const auto still_open = [&] {
    return static_cast<std::size_t>(
        std::count_if(silent.begin(), silent.end(), [](const Descriptor& c) { return !is_closed(c); }));
  };
  EXPECT_TRUE(eventually([&] { return still_open() <= 16; })) << still_open();
  // This side's 300, and what the node has left of the other.
  EXPECT_TRUE(eventually([&] { return open_descriptors() <= before + 300 + 20; })) << open_descriptors();
  Node second(network, {first.join()});
  ASSERT_TRUE(eventually([&] { return second.neighbours() == 1; }));
  ASSERT_TRUE(write_note(second, "in"));
  EXPECT_TRUE(eventually([&] { return first.value(second.own_key()) == "in"; }));
  EXPECT_LE(still_open(), 16u);
}

INSTANTIATE_TEST_SUITE_P(EverySocket, Flood,
                         testing::Values(Socket::kJoin, Socket::kGossip, Socket::kControl, Socket::kDispatch),
                         [](const auto& test) { return std::string(socket_name(test.param)); });

TEST(Door, SilentConnectionsBelowTheLimitsAreClosedAfterTheTimeForAHandshake) {
  const Network network;
  Node node(network, {}, "node",
            [](BusOptions& options) { options.limits.handshake = std::chrono::milliseconds(100); });
  const Descriptor silent = connection_to(node.join());
  ASSERT_TRUE(silent.open());
  EXPECT_TRUE(eventually([&] { return is_closed(silent); }));
}

TEST(Door, AConnectionThatWasLostIsNoLongerCounted) {
  zmq::context_t context;
  ZapHandler zap(context);
  const auto secret = CurveKeyPair::from_seed(Secret<32>::random());
  auto listener = open_server(context, Socket::kControl, secret.secret_key, "127.0.0.1:0", SocketLimits{});
  ASSERT_TRUE(listener);
  auto door = Door::open(context, SocketLimits{});
  ASSERT_TRUE(door);
  const std::uint16_t port = bound_port(*listener);
  ASSERT_TRUE(door->watch(Socket::kControl, *listener, port));
  const auto look = [&] {
    std::vector<zmq::pollitem_t> items;
    door->add_poll_items(items);
    zmq::poll(items, std::chrono::milliseconds(20));
    door->poll_done(Time{}, items, 0);
    return door->connections();
  };
  {
    const Descriptor one = connection_to({"127.0.0.1", port}), other = connection_to({"127.0.0.1", port});
    EXPECT_TRUE(eventually([&] { return look() == 2; }));
  }
  EXPECT_TRUE(eventually([&] { return look() == 0; }));
  door->stop(Socket::kControl, *listener);
  EXPECT_EQ(door->shut(), 0u);
}

}  // namespace
}  // namespace zswarm::bus
