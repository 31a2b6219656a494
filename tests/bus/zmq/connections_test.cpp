// Our connections to a node whose sockets the test plays.
#include "bus/zmq/connections.h"

#include <gtest/gtest.h>

#include "bus/zmq/zap.h"

namespace zswarm::bus {
namespace {

using namespace std::chrono_literals;

NodeId node(std::uint8_t number) {
  NodeId id;
  id.bytes.fill(number);
  return id;
}
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
    EXPECT_TRUE(
        connections.set_address(them, {theirs.public_key, host_port(join), "", host_port(control), ""}));
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

  void on_message(const NodeId&, Lane, ByteView message, std::vector<Bytes>) override {
    answers.emplace_back(message.begin(), message.end());
  }
  void on_gossip(const NodeId&, Topic, ByteView) override {}
  void on_introduced(const std::string&, ByteView) override { ++introduced; }
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
  int introduced = 0;
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

TEST(ConnectionAddresses, AreBounded) {
  struct Nothing : ConnectionEvents {
    void on_message(const NodeId&, Lane, ByteView, std::vector<Bytes>) override {}
    void on_gossip(const NodeId&, Topic, ByteView) override {}
    void on_introduced(const std::string&, ByteView) override {}
    void on_unreachable(const NodeId&, const std::string&) override {}
  } events;
  SocketLimits limits;
  limits.admitted = 2;
  zmq::context_t context;
  Connections connections(context, new_keys(), limits, events);
  EXPECT_TRUE(connections.set_address(node(1), {}));
  EXPECT_TRUE(connections.set_address(node(2), {}));
  EXPECT_FALSE(connections.set_address(node(3), {}));
  EXPECT_TRUE(connections.set_address(node(2), {{}, "127.0.0.1:1", "", "", ""}));
  connections.forget(node(1));
  EXPECT_TRUE(connections.set_address(node(3), {}));
}

}  // namespace
}  // namespace zswarm::bus
