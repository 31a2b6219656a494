// Floods of connections against whole nodes, over real sockets on loopback.
#include "bus/zmq/door.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "bus/core/clients.h"
#include "bus/keys/descriptor.h"
#include "bus/zmq/parts.h"
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

/// A control socket with its door, driven by hand, and a client that it admits.
class Admitted : public testing::Test {
 protected:
  Admitted() {
    zap_.set_join_keys({client_.public_key});
    const NodeId id = client_id_of(client_.public_key);
    EXPECT_TRUE(zap_.admit(id, client_.public_key));
  }
  void open(Socket kind) {
    kind_ = kind;
    auto listener = open_server(context_, kind, server_.secret_key, "127.0.0.1:0", limits_);
    ASSERT_TRUE(listener);
    listener_ = std::move(*listener);
    auto door = Door::open(context_, limits_);
    ASSERT_TRUE(door);
    door_.emplace(std::move(*door));
    port_ = bound_port(listener_);
    ASSERT_TRUE(door_->watch(kind, listener_, port_));
  }
  ~Admitted() override {
    if (door_) door_->stop(kind_, listener_);
  }
  zmq::socket_t connect(const CurvePublicKey& server_key) {
    auto client =
        open_client(context_, kind_, client_, server_key, "127.0.0.1:" + std::to_string(port_), limits_);
    EXPECT_TRUE(client);
    return std::move(*client);
  }
  /// One turn of what the bus does; true if a message came.
  bool turn() {
    std::vector<zmq::pollitem_t> items = {{zap_.socket().handle(), 0, ZMQ_POLLIN, 0},
                                          {listener_.handle(), 0, ZMQ_POLLIN, 0}};
    door_->add_poll_items(items);
    zmq::poll(items, std::chrono::milliseconds(5));
    while (zap_.answer()) {
    }
    now_ = now_ + std::chrono::milliseconds(200);
    door_->poll_done(now_, items, 2);
    auto received = receive_parts(listener_, 2 + kMaxFrames);
    door_->drained(kind_, !received);
    if (received) door_->proved(kind_, *received);
    door_->tick(now_);
    return received.has_value();
  }

  const SocketLimits limits_;
  zmq::context_t context_;
  ZapHandler zap_{context_};
  const CurveKeyPair server_ = CurveKeyPair::from_seed(Secret<32>::random()),
                     client_ = CurveKeyPair::from_seed(Secret<32>::random());
  Socket kind_ = Socket::kControl;
  zmq::socket_t listener_;
  std::optional<Door> door_;
  std::uint16_t port_ = 0;
  Time now_{std::chrono::seconds(1)};
};

TEST_F(Admitted, WhoSendsAMessageOfVeryManyPartsIsCutOff) {
  open(Socket::kControl);
  zmq::socket_t client = connect(server_.public_key);
  const Bytes part(1'000'000);
  for (int i = 0; i < 99; ++i) ASSERT_TRUE(client.send(zmq::buffer(part), zmq::send_flags::sndmore));
  ASSERT_TRUE(client.send(zmq::buffer(part), zmq::send_flags::none));
  EXPECT_TRUE(eventually([&] {
    EXPECT_FALSE(turn()) << "the whole message came through";
    return door_->shut() == 1;
  }));
}

TEST_F(Admitted, WhoSendsManyLongMessagesIsNot) {
  open(Socket::kControl);
  zmq::socket_t client = connect(server_.public_key);
  const Bytes message(1'000'000);
  std::size_t came = 0;
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(client.send(zmq::buffer(message), zmq::send_flags::none));
  EXPECT_TRUE(eventually([&] { return (came += turn() ? 1 : 0) == 60; })) << came;
  EXPECT_EQ(door_->shut(), 0u);
}

TEST_F(Admitted, WhoHoldsAnotherTokenIsTold) {
  open(Socket::kJoin);
  const auto other = CurveKeyPair::from_seed(Secret<32>::random());
  zmq::socket_t stranger = connect(other.public_key);
  std::vector<std::string> from;
  EXPECT_TRUE(eventually([&] {
    (void)turn();
    from = door_->take_wrong_keys();
    return !from.empty();
  }));
  EXPECT_EQ(from.front(), "127.0.0.1");
  stranger.close();
  zmq::socket_t member = connect(server_.public_key);
  ASSERT_TRUE(member.send(zmq::str_buffer("hello"), zmq::send_flags::none));
  EXPECT_TRUE(eventually([&] { return turn(); }));
  EXPECT_TRUE(door_->take_wrong_keys().empty());
}

}  // namespace
}  // namespace zswarm::bus
