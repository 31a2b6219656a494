// A member gone bad against a whole node, over real sockets on loopback: it says what no libzmq says.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <memory>

#include "bus/wire/pack.h"
#include "tests/bus/zmq/bus_node.h"
#include "tests/bus/zmq/zmtp_client.h"

namespace zswarm::bus {
namespace {

/// Bytes of memory that this process occupies: "VmRSS:", or "VmHWM:" at most since forget_peak().
std::size_t memory(const std::string& field) {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with(field)) return std::stoul(line.substr(field.size())) << 10;
  }
  return 0;
}
void forget_peak() {
  std::ofstream("/proc/self/clear_refs") << "5";
}

constexpr auto kHeartbeat = 50ms;

class HostileMember : public testing::Test {
 protected:
  HostileMember() {
    Card card;
    card.incarnation = card.instance = 1;
    const NetworkKeys keys = NetworkKeys::of(network.token);
    const auto sealed = seal_card(card, identity.sign, keys);
    EXPECT_TRUE(sealed);
    zmq::context_t context;
    auto join = open_client(context, Socket::kJoin, keys.join_client, keys.join_server.public_key,
                            attacked.join().text(), SocketLimits{});
    EXPECT_TRUE(join);
    const Bytes hello = Writer(MessageType::kHello, 1).bin(*sealed).take();
    EXPECT_TRUE(join->send(zmq::buffer(hello), zmq::send_flags::none));
    zmq::message_t welcome;
    EXPECT_TRUE(join->recv(welcome, zmq::recv_flags::none));
    EXPECT_TRUE(eventually([&] { return friendly.neighbours() == 1; }));
  }
  std::unique_ptr<ZmtpClient> connect(Socket kind) {
    if (kind == Socket::kJoin) {
      const NetworkKeys keys = NetworkKeys::of(network.token);
      return std::make_unique<ZmtpClient>(attacked.join(), keys.join_server.public_key, keys.join_client,
                                          "DEALER");
    }
    return std::make_unique<ZmtpClient>(attacked.socket(kind), attacked.curve_key(), identity.curve,
                                        kind == Socket::kGossip ? "SUB" : "DEALER");
  }
  /// News of the attacked node reach its friend.
  void members_work() {
    const std::string text = "note " + std::to_string(++notes_);
    ASSERT_TRUE(write_note(attacked, text));
    EXPECT_TRUE(eventually([&] { return friendly.value(attacked.own_key()) == text; }));
  }
  /// The same, while several heartbeats go out.
  void members_go_on() {
    const auto until = std::chrono::steady_clock::now() + 4 * kHeartbeat;
    while (std::chrono::steady_clock::now() < until) members_work();
  }

  const Network network;
  const Identity identity = Identity::from_seed(Secret<32>::random(), 1);
  Node attacked{network, {}, "attacked", [](BusOptions& options) { options.limits.heartbeat = kHeartbeat; }};
  Node friendly{network, {attacked.join()}, "friend"};

 private:
  int notes_ = 0;
};

TEST_F(HostileMember, WhoFloodsWithSubscriptionsIsCutOffBeforeTheyFillTheMemory) {
  constexpr std::size_t kConnections = 16, kTopics = 2000, kTopicBytes = 450;
  std::vector<std::unique_ptr<ZmtpClient>> connections;
  std::vector<Bytes> floods(kConnections);
  Random random(7);
  for (Bytes& flood : floods) {
    connections.push_back(connect(Socket::kGossip));
    for (std::size_t i = 0; i < kTopics; ++i) {
      Bytes topic(kTopicBytes);
      for (std::uint8_t& byte : topic) byte = static_cast<std::uint8_t>(random.next());
      const Bytes frame = connections.back()->subscription(topic);
      flood.insert(flood.end(), frame.begin(), frame.end());
    }
  }
  const std::size_t before = memory("VmRSS:");
  forget_peak();
  std::vector<std::thread> writers;
  for (std::size_t i = 0; i < kConnections; ++i)
    writers.emplace_back([&, i] { (void)connections[i]->write(floods[i]); });
  members_work();
  for (std::thread& writer : writers) writer.join();
  for (const auto& connection : connections) EXPECT_TRUE(eventually([&] { return connection->is_closed(); }));
  members_work();
  // libzmq keeps about 14 KiB for each of these topics: 450 MiB in all.
  EXPECT_LT(memory("VmHWM:"), before + (32u << 20));
}

TEST_F(HostileMember, WhoSubscribesToAnythingElseIsCutOff) {
  const auto says = [&](auto what) {
    const auto connection = connect(Socket::kGossip);
    EXPECT_TRUE(connection->write(what(*connection)));
    return eventually([&] { return connection->is_closed(); });
  };
  EXPECT_TRUE(says([](ZmtpClient& c) { return c.subscription({}); }));
  EXPECT_TRUE(says([](ZmtpClient& c) { return c.subscription(Bytes{2}); }));
  EXPECT_TRUE(says([](ZmtpClient& c) { return c.subscription(Bytes{0, 0}); }));
  EXPECT_TRUE(says([](ZmtpClient& c) { return c.sealed(Bytes{0, 7}); }));
  EXPECT_TRUE(says([](ZmtpClient& c) { return c.sealed(Bytes{5, 0}); }));
  EXPECT_TRUE(says([](ZmtpClient& c) { return c.sealed({}); }));
  members_work();
}

TEST_F(HostileMember, WhoKeepsToTheTopicsMayChangeItsMindAsOftenAsItLikes) {
  const auto connection = connect(Socket::kGossip);
  for (int round = 0; round < 8; ++round) {  // several windows of bytes in all
    for (int i = 0; i < 20; ++i) {
      const auto topic = static_cast<std::uint8_t>(i % 2);
      ASSERT_TRUE(connection->write(connection->sealed(Bytes{1, topic})));
      ASSERT_TRUE(connection->write(connection->sealed(Bytes{0, topic})));
    }
    const auto weighed = std::chrono::steady_clock::now() + Door::kWeighEvery + 50ms;
    while (std::chrono::steady_clock::now() < weighed) members_work();
    members_work();  // in a turn that began since then
  }
  ASSERT_TRUE(connection->write(connection->subscription(Bytes{0})));
  EXPECT_TRUE(eventually([&] {
    members_work();
    return connection->is_closed() || connection->received_bytes() > 2000;
  }));
  EXPECT_FALSE(connection->is_closed());
}

/// libzmq 4.3.4 ended the process here while its queues had a bound (sockets.cpp).
TEST_F(HostileMember, WhoEndsItsConnectionWhileMuchIsUnreadDoesNotEndTheNode) {
  const Bytes message = {1, 0, 0x7f, 0, 0, 0, 0, 0, 0x90};
  for (const Socket kind : {Socket::kControl, Socket::kDispatch}) {
    for (int round = 0; round < 20; ++round) {
      const auto connection = connect(kind);
      Bytes all;
      for (int i = 0; i < 1400; ++i) {
        const Bytes frame = connection->sealed(message), ping = connection->ping();
        all.insert(all.end(), frame.begin(), frame.end());
        if (i >= 1000 && i % 5 == 0) all.insert(all.end(), ping.begin(), ping.end());
      }
      (void)connection->write(all);
      connection->reset();
    }
  }
  members_go_on();
}

/// So it did here, while it was asked to tell of such failures (door.cpp).
TEST_F(HostileMember, WhoSendsWhatCannotBeOpenedAndGoesDoesNotEndTheNode) {
  for (const Socket kind : {Socket::kJoin, Socket::kGossip, Socket::kControl, Socket::kDispatch}) {
    for (const bool resets : {true, false}) {
      const auto connection = connect(kind);
      Bytes frame = connection->sealed(Bytes{1, 0});
      frame.back() ^= 1;
      ASSERT_TRUE(connection->write(frame));
      if (resets) {
        members_work();  // it has come by then
        connection->reset();
      } else if (kind != Socket::kJoin) {
        EXPECT_TRUE(eventually([&] { return connection->is_closed(); }));
      }
    }
  }
  members_go_on();
}

}  // namespace
}  // namespace zswarm::bus
