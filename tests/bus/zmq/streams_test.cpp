// Streams over real sockets: clients that are no members, and readers that do not read.
#include <gtest/gtest.h>

#include <map>
#include <zmq_addon.hpp>

#include "bus/core/clients.h"
#include "bus/service/messages.h"
#include "tests/bus/zmq/bus_node.h"

namespace zswarm::bus {
namespace {

/// A DEALER with a CURVE key of its own, at one socket of one node.
class RawClient {
 public:
  explicit RawClient(CurveKeyPair keys = CurveKeyPair::from_seed(Secret<32>::random()))
      : keys_(std::move(keys)) {}

  void connect(Node& node, Socket which, int queue_messages = 1000) {
    SocketLimits limits;
    limits.queue_messages = limits.unread_messages = queue_messages;
    limits.linger = std::chrono::milliseconds(0);
    auto opened =
        open_client(context_, Socket::kDispatch, keys_, node.curve_key(), node.socket(which).text(), limits);
    ASSERT_TRUE(opened);
    socket_ = std::move(*opened);
  }
  void send(const Bytes& message) { ASSERT_TRUE(socket_.send(zmq::buffer(message.data(), message.size()))); }
  /// Nothing if nobody answers in this time.
  std::optional<Bytes> receive(std::chrono::milliseconds within) {
    socket_.set(zmq::sockopt::rcvtimeo, static_cast<int>(within.count()));
    zmq::message_t part;
    if (!socket_.recv(part)) return std::nullopt;
    return Bytes(part.data<std::uint8_t>(), part.data<std::uint8_t>() + part.size());
  }
  [[nodiscard]] const CurvePublicKey& key() const { return keys_.public_key; }

 private:
  CurveKeyPair keys_;
  zmq::context_t context_;
  zmq::socket_t socket_;
};

void admit(Node& node, const RawClient& client) {
  ASSERT_TRUE(node.on_bus([key = client.key()](Core& core, const Now& now) {
    return core.add_client(now, key, "test").has_value();
  }));
}

Bytes request(const std::string& service, std::uint32_t id = 1) {
  return write_request(id, {1, service, 60'000, 0, {kWindowEvents, kWindowBytes}, {}});
}

TEST(BusClients, CallServicesOfEveryNodeUntilTheyAreRevoked) {
  const Network network;
  Node first(network, {}), second(network, {first.join()});
  RawClient client, stranger;
  admit(first, client);
  const NodeId id = client_id_of(client.key());
  ASSERT_TRUE(eventually(
      [&] { return second.on_bus([id](Core& core, const Now&) { return core.clients().contains(id); }); }));
  client.connect(second, Socket::kDispatch);
  client.send(request("zswarm.info"));
  const auto event = client.receive(5000ms), end = client.receive(5000ms);
  ASSERT_TRUE(event && end);
  EXPECT_EQ(read_header(*event)->type, MessageType::kEvent);
  EXPECT_EQ(read_header(*end)->type, MessageType::kEnd);
  stranger.connect(second, Socket::kDispatch);
  stranger.send(request("zswarm.info"));
  EXPECT_FALSE(stranger.receive(500ms));

  ASSERT_TRUE(first.on_bus([&](Core& core, const Now& now) {
    return core.put_as_operator(now, network.operator_keys, "network/revoked/" + id.text(), {}).has_value();
  }));
  ASSERT_TRUE(eventually(
      [&] { return !second.on_bus([id](Core& core, const Now&) { return core.clients().contains(id); }); }));
  client.send(request("zswarm.info", 2));
  EXPECT_FALSE(client.receive(500ms));
}

TEST(BusClients, GetNoAnswerOverAConnectionThatOutlivesTheirRegistration) {
  const Network network;
  Node node(network, {});
  RawClient client;
  admit(node, client);
  client.connect(node, Socket::kDispatch);
  client.send(request("zswarm.info"));
  ASSERT_TRUE(client.receive(5000ms) && client.receive(5000ms));
  ASSERT_TRUE(node.on_bus([id = client_id_of(client.key())](Core& core, const Now& now) {
    return core.remove_client(now, id).has_value();
  }));
  client.send(request("zswarm.info", 2));
  EXPECT_FALSE(client.receive(500ms));
}

TEST(BusClients, AreNotAdmittedAtOtherSockets) {
  const Network network;
  Node node(network, {});
  RawClient client;
  admit(node, client);
  client.connect(node, Socket::kControl);
  client.send(Writer(MessageType::kProbe, 4, 7).uint(1).uint(1).uint(0).uint(0).take());
  EXPECT_FALSE(client.receive(500ms));
}

/// Answers one call of "flood" with so many events; how many were taken before the call ended.
std::size_t flood(Node& node, std::size_t events, std::size_t bytes) {
  CallId call = 0;
  const bool called = eventually([&] {
    call = node.on_bus([](Core& core, const Now&) {
      const auto calls = core.services().take_calls();
      return calls.empty() ? CallId{0} : calls.front().call;
    });
    return call != 0;
  });
  if (!called) return 0;
  for (std::size_t sent = 0; sent < events; ++sent) {
    const bool taken = node.on_bus([&](Core& core, const Now& now) {
      Bytes payload(bytes, static_cast<std::uint8_t>(sent));
      return core.services().event(now.steady, call, std::move(payload), {}, core.out()).has_value();
    });
    if (!taken) return sent;
  }
  return events;
}

TEST(BusStreams, AReaderThatPausesGetsAllEventsInOrder) {
  const Network network;
  Node node(network, {}, "node", [](BusOptions& options) { options.limits.queue_messages = 10; });
  RawClient client;
  admit(node, client);
  ASSERT_TRUE(
      node.on_bus([](Core& core, const Now&) { return core.services().offer("flood", 1).has_value(); }));
  client.connect(node, Socket::kDispatch, 1);
  client.send(request("flood"));
  constexpr std::size_t kEvents = 150, kBytes = 64 << 10;
  EXPECT_EQ(flood(node, kEvents, kBytes), kEvents);
  std::uint64_t next = 0;
  while (next < kEvents) {
    const auto message = client.receive(5000ms);
    ASSERT_TRUE(message) << next;
    if (read_header(*message)->type != MessageType::kEvent) continue;
    const auto event = read_event(*message);
    ASSERT_TRUE(event);
    ASSERT_EQ(event->number, next);
    ++next;
  }
}

TEST(BusStreams, AReaderThatNeverReadsLosesItsStreamAndNobodyElse) {
  const Network network;
  Node node(network, {}, "node", [](BusOptions& options) {
    options.limits.queue_messages = 4;
    options.limits.unsent_messages = 4;
  });
  RawClient lazy, other;
  admit(node, lazy);
  admit(node, other);
  ASSERT_TRUE(
      node.on_bus([](Core& core, const Now&) { return core.services().offer("flood", 1).has_value(); }));
  lazy.connect(node, Socket::kDispatch, 1);
  lazy.send(request("flood"));
  EXPECT_LT(flood(node, 240, 256 << 10), 240u);
  EXPECT_TRUE(node.on_bus([](Core& core, const Now&) {
    const auto notices = core.services().take_notices();
    return notices.size() == 1 && notices[0].ended && notices[0].ended->code == ErrorCode::kUnreachable;
  }));
  other.connect(node, Socket::kDispatch);
  other.send(request("zswarm.info"));
  EXPECT_TRUE(other.receive(5000ms));
}

}  // namespace
}  // namespace zswarm::bus
