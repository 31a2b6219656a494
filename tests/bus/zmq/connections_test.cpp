// Our connections to a node whose sockets the test plays.
#include "bus/zmq/connections.h"

#include <gtest/gtest.h>

#include "bus/wire/pack.h"
#include "bus/zmq/zap.h"
#include "tests/bus/zmq/named.h"

namespace zswarm::bus {
namespace {

using test::node;

using namespace std::chrono_literals;

CurveKeyPair new_keys() {
  return CurveKeyPair::from_seed(Secret<32>::random());
}
Time at(int seconds) {
  return Time{std::chrono::seconds(seconds)};
}

class PlayedNode : public testing::Test, public ConnectionEvents {
 protected:
  PlayedNode() {
    zap.admit(node(1), own.public_key);
    zap.set_join_keys({new_keys().public_key});  // of a token that we do not have
    join = std::move(*open_server(context, Socket::kJoin, new_keys().secret_key, "127.0.0.1:0", limits));
    control = std::move(*open_server(context, Socket::kControl, theirs.secret_key, "127.0.0.1:0", limits));
    connections.set_introduction(at(0), Bytes{1, 2, 3}, {new_keys(), new_keys().public_key});
    EXPECT_TRUE(connections.set_address(at(0), them,
                                        {theirs.public_key, host_port(join), "", host_port(control), ""}));
  }
  static std::string host_port(const zmq::socket_t& socket) {
    return "127.0.0.1:" + std::to_string(bound_port(socket));
  }
  bool send(Time now, std::uint8_t mark) {
    return connections.send(now, Send{them, Lane::kControl, Bytes{mark}});
  }
  /// Plays both sides until the condition holds.
  template <class Condition>
  bool eventually(Time now, Condition condition) {
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (std::chrono::steady_clock::now() < until) {
      if (condition()) return true;
      std::vector<zmq::pollitem_t> items = {{zap.socket().handle(), 0, ZMQ_POLLIN, 0},
                                            {control.handle(), 0, ZMQ_POLLIN, 0}};
      connections.add_poll_items(items);
      zmq::poll(items, 20ms);
      while (zap.answer()) {
      }
      read_control();
      read_join();
      connections.poll_done(now, items, 2);
    }
    return false;
  }
  void read_control() {
    std::array<zmq::message_t, 2> parts;
    if (!control.recv(parts[0], zmq::recv_flags::dontwait)) return;
    if (!control.recv(parts[1], zmq::recv_flags::dontwait)) return;
    arrived.push_back(parts[1].data<std::uint8_t>()[0]);
    route = parts[0].to_string();
  }

  /// From here on the join socket is under a token that we have, and answers hellos with a welcome.
  void open_join() {
    const CurveKeyPair client = new_keys(), server = new_keys();
    zap.set_join_keys({client.public_key});
    join = std::move(*open_server(context, Socket::kJoin, server.secret_key, "127.0.0.1:0", limits));
    connections.set_introduction(at(0), Bytes{1, 2, 3}, {client.copy(), server.public_key});
    EXPECT_TRUE(connections.set_address(at(0), them,
                                        {theirs.public_key, host_port(join), "", host_port(control), ""}));
  }
  void read_join() {
    std::array<zmq::message_t, 2> parts;
    if (!join.recv(parts[0], zmq::recv_flags::dontwait)) return;
    if (!join.recv(parts[1], zmq::recv_flags::dontwait)) return;
    hellos += 1;
    const Bytes welcome = Writer(MessageType::kWelcome, 0).take();
    EXPECT_TRUE(join.send(parts[0], zmq::send_flags::sndmore));
    EXPECT_TRUE(join.send(zmq::buffer(welcome)));
  }

  void on_message(const NodeId&, Lane, ByteView message, std::vector<Bytes>) override {
    answers.emplace_back(message.begin(), message.end());
  }
  void on_gossip(const NodeId&, Topic, ByteView) override {}
  void on_introduced(const std::string&, ByteView) override { ++introduced; }
  void on_unanswered(const std::string&) override {}
  void on_unreachable(const NodeId& id, const std::string&) override { unreachable.push_back(id); }

  const SocketLimits limits;
  const NodeId them = node(2);
  const CurveKeyPair own = new_keys(), theirs = new_keys();
  zmq::context_t context;
  ZapHandler zap{context};
  zmq::socket_t join, control;
  std::vector<std::uint8_t> arrived;
  std::vector<Bytes> answers;
  std::string route;
  std::vector<NodeId> unreachable;
  int introduced = 0, hellos = 0;
  Connections connections{context, own.copy(), limits, *this};
};

TEST_F(PlayedNode, WhoKnowsUsIsReachedThoughItsJoinSocketIsUnderAnotherToken) {
  ASSERT_TRUE(send(at(0), 7));
  connections.tick(at(4));
  EXPECT_TRUE(arrived.empty());
  connections.tick(at(6));  // nobody has answered the hello
  ASSERT_TRUE(eventually(at(6), [&] { return !arrived.empty(); }));
  EXPECT_EQ(arrived, std::vector<std::uint8_t>{7});
  EXPECT_EQ(introduced, 0);
  EXPECT_TRUE(unreachable.empty());
  // It answers: from here on it is as good as introduced.
  ASSERT_TRUE(control.send(zmq::buffer(route), zmq::send_flags::sndmore));
  ASSERT_TRUE(control.send(zmq::str_buffer("ok")));
  ASSERT_TRUE(eventually(at(7), [&] { return !answers.empty(); }));
  ASSERT_TRUE(send(at(8), 8));
  ASSERT_TRUE(eventually(at(8), [&] { return arrived.size() == 2; }));
  connections.tick(at(20));
  EXPECT_TRUE(connections.is_open(them));
  EXPECT_TRUE(unreachable.empty());
}

TEST_F(PlayedNode, WhoStaysSilentThenIsUnreachable) {
  ASSERT_TRUE(send(at(0), 7));
  connections.tick(at(6));
  connections.tick(at(10));
  EXPECT_TRUE(unreachable.empty());
  connections.tick(at(12));
  EXPECT_EQ(unreachable, std::vector<NodeId>{them});
  EXPECT_FALSE(connections.is_open(them));
}

TEST_F(PlayedNode, WhoAnswersOverAConnectionOfItsOwnIsNotGreetedAgain) {
  open_join();
  ASSERT_TRUE(send(at(0), 1));
  ASSERT_TRUE(eventually(at(0), [&] { return arrived.size() == 1; }));
  for (int second = 1; second < 60; ++second) {
    ASSERT_TRUE(send(at(second), 2));
    connections.heard(at(second), them);
    connections.tick(at(second));
  }
  ASSERT_TRUE(eventually(at(60), [&] { return arrived.size() == 60; }));
  EXPECT_EQ(hellos, 1);
  // Silent from now on, it is.
  ASSERT_TRUE(send(at(61), 3));
  connections.tick(at(67));
  ASSERT_TRUE(eventually(at(67), [&] { return hellos == 2; }));
}

TEST_F(PlayedNode, WhoWelcomedUsAsAContactIsNotGreetedAgain) {
  open_join();
  ASSERT_TRUE(connections.introduce_to(at(0), host_port(join)));
  ASSERT_TRUE(eventually(at(0), [&] { return introduced == 1; }));
  ASSERT_TRUE(send(at(1), 9));
  ASSERT_TRUE(eventually(at(1), [&] { return !arrived.empty(); }));
  EXPECT_EQ(hellos, 1);
}

TEST_F(PlayedNode, WhoWelcomedUsLongAgoIsGreetedAgain) {
  open_join();
  ASSERT_TRUE(connections.introduce_to(at(0), host_port(join)));
  ASSERT_TRUE(eventually(at(0), [&] { return introduced == 1; }));
  connections.tick(at(60));
  ASSERT_TRUE(send(at(60), 9));
  ASSERT_TRUE(eventually(at(60), [&] { return !arrived.empty(); }));
  EXPECT_EQ(hellos, 2);
}

TEST_F(PlayedNode, WhatWaitsForANameGoesOutOnceItsAddressIsKnown) {
  open_join();
  PeerAddress address{theirs.public_key, "", "", "", "", false};
  const NodeId named = node(3);
  ASSERT_TRUE(connections.set_address(at(0), named, address));
  ASSERT_TRUE(connections.send(at(0), Send{named, Lane::kControl, Bytes{5}}));
  connections.tick(at(1));
  EXPECT_TRUE(connections.is_open(named));
  address = {theirs.public_key, host_port(join), "", host_port(control), "", true};
  ASSERT_TRUE(connections.set_address(at(1), named, address));
  ASSERT_TRUE(eventually(at(1), [&] { return !arrived.empty(); }));
  EXPECT_EQ(arrived, std::vector<std::uint8_t>{5});
}

TEST(ConnectionAddresses, AreBounded) {
  struct Nothing : ConnectionEvents {
    void on_message(const NodeId&, Lane, ByteView, std::vector<Bytes>) override {}
    void on_gossip(const NodeId&, Topic, ByteView) override {}
    void on_introduced(const std::string&, ByteView) override {}
    void on_unanswered(const std::string&) override {}
    void on_unreachable(const NodeId&, const std::string&) override {}
  } events;
  SocketLimits limits;
  limits.admitted = 2;
  zmq::context_t context;
  Connections connections(context, new_keys(), limits, events);
  EXPECT_TRUE(connections.set_address(at(0), node(1), {}));
  EXPECT_TRUE(connections.set_address(at(0), node(2), {}));
  EXPECT_FALSE(connections.set_address(at(0), node(3), {}));
  EXPECT_TRUE(connections.set_address(at(0), node(2), {{}, "127.0.0.1:1", "", "", ""}));
  connections.forget(node(1));
  EXPECT_TRUE(connections.set_address(at(0), node(3), {}));
}

}  // namespace
}  // namespace zswarm::bus
