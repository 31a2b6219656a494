// Clients and servers together, on a network that does what networks do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/bus/service/stream_peer.h"

namespace zswarm::bus {
namespace {

using ::testing::IsEmpty;

constexpr Time kEnd{std::chrono::minutes(10)};

struct Scene {
  std::vector<std::string> faults;
  CreditWatch credit{faults};
  TestNetwork network;
  std::map<NodeId, std::unique_ptr<StreamPeer>> peers;
  std::vector<std::unique_ptr<StreamPeer>> killed;  // what they had planned still refers to them

  explicit Scene(std::uint64_t seed, Duration max_delay = 20ms) : network(seed, max_delay) {
    network.watch([this](Time, const NodeId& from, const Send& send) { credit(from, send); });
  }
  StreamPeer& add(std::uint8_t number, const ServerConfig& config = {}, std::uint64_t incarnation = 1) {
    const NodeId id = node_named(number);
    peers[id] = std::make_unique<StreamPeer>(id, incarnation, network, faults, config);
    network.add(id, *peers[id]);
    return *peers[id];
  }
  std::uint32_t ask(std::uint8_t from, std::uint8_t to, const Script& script, Credit window = {64, 1u << 20},
                    Duration read_pause = 0us, std::chrono::milliseconds deadline = 60s) {
    std::uint32_t id = 0;
    network.act(node_named(from), [&](Outbox& out) {
      id = peers.at(node_named(from))->ask(node_named(to), script, window, read_pause, deadline, out);
    });
    return id;
  }
  void kill(std::uint8_t number) {
    const NodeId id = node_named(number);
    network.kill(id);
    killed.push_back(std::move(peers.extract(id).mapped()));
  }
  /// Runs until the very end; whatever is left in a table then is a leak.
  void finish() {
    network.run(kEnd);
    for (const auto& [id, peer] : peers) {
      if (peer->client.streams() != 0) faults.push_back("a client still has streams");
      if (peer->server.calls() != 0) faults.push_back("a server still has calls");
      if (peer->server.peers() != 0) faults.push_back("a server still knows callers");
      if (peer->server.buffered_bytes() != 0) faults.push_back("a server still counts queued bytes");
      if (peer->server.waiting_bytes() != 0) faults.push_back("a server still counts bytes of requests");
      if (peer->next_timer() != kNever) faults.push_back("a timer is still set");
      for (const auto& [stream, seen] : peer->seen) {
        if (seen.ends != 1) faults.push_back("a stream has " + std::to_string(seen.ends) + " ends");
      }
    }
  }
};

TEST(Streams, CarryEveryEventInOrderAndThenOneEnd) {
  Scene scene(1);
  StreamPeer& asker = scene.add(1);
  scene.add(2);
  const std::uint32_t many = scene.ask(1, 2, {.events = 5000, .event_bytes = 20, .serial = 1});
  const std::uint32_t large = scene.ask(1, 2, {.events = 40, .event_bytes = kEventBytes - 8, .serial = 2});
  const std::uint32_t none = scene.ask(1, 2, {.events = 0, .serial = 3});
  const std::uint32_t failing = scene.ask(1, 2, {.events = 3, .event_bytes = 5, .serial = 4, .fails = true});
  scene.finish();
  EXPECT_THAT(scene.faults, IsEmpty());
  for (const std::uint32_t id : {many, large, none}) EXPECT_FALSE(asker.seen.at(id).error);
  EXPECT_EQ(asker.seen.at(many).events, 5000u);
  EXPECT_EQ(asker.seen.at(failing).events, 3u);
  ASSERT_TRUE(asker.seen.at(failing).error);
  EXPECT_EQ(asker.seen.at(failing).error->code, ErrorCode::kIo);
  EXPECT_EQ(asker.seen.at(failing).error->message, "the script says so");
}

TEST(Streams, OfASlowReaderHoldUpOnlyThemselves) {
  Scene scene(2);
  StreamPeer& asker = scene.add(1);
  StreamPeer& server = scene.add(2, {.stream_events = 16});
  const Script script{.events = 400, .event_bytes = 100, .serial = 1};
  const std::uint32_t slow = scene.ask(1, 2, script, {4, kEventBytes}, 100ms);
  const std::uint32_t fast = scene.ask(1, 2, {.events = 400, .event_bytes = 100, .serial = 2});
  scene.finish();
  EXPECT_THAT(scene.faults, IsEmpty());
  EXPECT_FALSE(asker.seen.at(slow).error);
  EXPECT_FALSE(asker.seen.at(fast).error);
  EXPECT_GT(server.refused_events, 0u);  // the program was told to wait
  EXPECT_LT(asker.seen.at(fast).ended, Time{2s});
  EXPECT_GT(asker.seen.at(slow).ended, Time{5s});
}

TEST(Streams, OfADeadNodeEndWithinTheStatedBound) {
  Scene scene(3);
  StreamPeer& asker = scene.add(1);
  scene.add(2);
  const std::uint32_t id =
      scene.ask(1, 2, {.events = 100'000, .event_bytes = 8, .pause_us = 1000, .serial = 1});
  scene.network.run(Time{3s});
  EXPECT_GT(asker.seen.at(id).events, 1000u);
  scene.kill(2);
  scene.finish();
  EXPECT_THAT(scene.faults, IsEmpty());
  EXPECT_EQ(asker.seen.at(id).error->code, ErrorCode::kUnreachable);
  EXPECT_LT(asker.seen.at(id).ended, Time{3s + 5s + 200ms});
}

TEST(Streams, OfADeadCallerAreGivenUpWithinTheStatedBound) {
  Scene scene(3);
  scene.add(1);
  StreamPeer& server = scene.add(2);
  scene.ask(1, 2, {.events = 100'000, .event_bytes = 8, .pause_us = 1000, .serial = 1});
  scene.network.run(Time{3s});
  scene.kill(1);
  scene.network.run(Time{3s + 4s});
  EXPECT_EQ(server.server.calls(), 1u);
  scene.network.run(Time{3s + 5s + 200ms});
  EXPECT_EQ(server.server.calls(), 0u);
  scene.finish();
  EXPECT_THAT(scene.faults, IsEmpty());
}

TEST(Streams, OfASilentButLivingNodeGoOn) {
  Scene scene(4);
  StreamPeer& asker = scene.add(1);
  scene.add(2);
  const std::uint32_t id =
      scene.ask(1, 2, {.events = 3, .event_bytes = 8, .pause_us = 15'000'000, .serial = 1});
  scene.finish();
  EXPECT_THAT(scene.faults, IsEmpty());
  EXPECT_FALSE(asker.seen.at(id).error);
}

TEST(Streams, OutliveTheirOwnProcessBeingFrozen) {
  Scene scene(5);
  StreamPeer& asker = scene.add(1);
  StreamPeer& server = scene.add(2);
  const std::uint32_t id =
      scene.ask(1, 2, {.events = 10, .event_bytes = 8, .pause_us = 2'000'000, .serial = 1});
  scene.network.run(Time{4s});
  scene.network.freeze(node_named(1));
  scene.network.run(Time{8s});  // the server may not take that for death yet
  scene.network.thaw(node_named(1));
  scene.finish();
  EXPECT_THAT(scene.faults, IsEmpty());
  EXPECT_FALSE(asker.seen.at(id).error);
  EXPECT_EQ(server.answered.size(), 1u);
}

TEST(Streams, EndOnBothSidesAtTheDeadline) {
  Scene scene(6);
  StreamPeer& asker = scene.add(1);
  scene.add(2);
  const std::uint32_t id = scene.ask(
      1, 2, {.events = 1000, .event_bytes = 8, .pause_us = 100'000, .serial = 1}, {64, 1u << 20}, 0us, 2s);
  scene.network.run(Time{2s + 200ms});
  EXPECT_EQ(scene.peers.at(node_named(2))->server.calls(), 0u);
  ASSERT_TRUE(asker.seen.at(id).error);
  EXPECT_EQ(asker.seen.at(id).error->code, ErrorCode::kDeadline);
  scene.finish();
  EXPECT_THAT(scene.faults, IsEmpty());
}

TEST(Streams, ThatAreCancelledEndAtOnceOnBothSides) {
  Scene scene(7);
  StreamPeer& asker = scene.add(1);
  StreamPeer& server = scene.add(2);
  const std::uint32_t id =
      scene.ask(1, 2, {.events = 1000, .event_bytes = 8, .pause_us = 100'000, .serial = 1});
  scene.network.run(Time{1s});
  scene.network.act(node_named(1), [&](Outbox& out) {
    asker.client.cancel(scene.network.now(), id, out);
    asker.pump(scene.network.now(), out);
  });
  EXPECT_EQ(asker.seen.at(id).error->code, ErrorCode::kCancelled);
  scene.network.run(Time{1s + 100ms});
  EXPECT_EQ(server.server.calls(), 0u);
  scene.finish();
  EXPECT_THAT(scene.faults, IsEmpty());
}

TEST(Streams, OfALostConnectionEndAtOnceOnBothSides) {
  Scene scene(8);
  StreamPeer& asker = scene.add(1);
  StreamPeer& server = scene.add(2);
  const std::uint32_t id =
      scene.ask(1, 2, {.events = 1000, .event_bytes = 8, .pause_us = 100'000, .serial = 1});
  scene.network.run(Time{1s});
  scene.network.break_connection(node_named(1), node_named(2), false, true);
  EXPECT_EQ(asker.seen.at(id).error->code, ErrorCode::kUnreachable);
  EXPECT_EQ(server.server.calls(), 0u);
  scene.finish();
  EXPECT_THAT(scene.faults, IsEmpty());
}

TEST(Streams, OfACallerThatStartedAnewAreEnded) {
  Scene scene(9);
  scene.add(1);
  StreamPeer& server = scene.add(2);
  for (std::uint64_t serial = 0; serial < 20; ++serial)
    scene.ask(1, 2, {.events = 100'000, .event_bytes = 8, .pause_us = 100'000, .serial = serial});
  scene.network.run(Time{1s});
  EXPECT_EQ(server.server.calls(), 20u);
  StreamPeer& anew = scene.add(1, {}, 2);  // the same node, another process
  const std::uint32_t id = scene.ask(1, 2, {.events = 2, .event_bytes = 8, .serial = 100});
  scene.network.run(Time{1s + 100ms});
  EXPECT_EQ(server.server.calls(), 0u);
  EXPECT_FALSE(anew.seen.at(id).error);
  scene.finish();
  EXPECT_THAT(scene.faults, IsEmpty());
}

TEST(Streams, OfANodeThatStartedAnewEndWithASentence) {
  Scene scene(10);
  StreamPeer& asker = scene.add(1);
  scene.add(2);
  const std::uint32_t id =
      scene.ask(1, 2, {.events = 1000, .event_bytes = 8, .pause_us = 100'000, .serial = 1});
  scene.network.run(Time{1s});
  scene.kill(2);
  scene.add(2, {}, 2);
  scene.network.run(Time{2s + 300ms});
  ASSERT_TRUE(asker.seen.at(id).error);
  EXPECT_EQ(asker.seen.at(id).error->code, ErrorCode::kUnreachable);
  EXPECT_EQ(asker.seen.at(id).error->message, "this node knows of no such call: it may have restarted");
  scene.finish();
  EXPECT_THAT(scene.faults, IsEmpty());
}

TEST(Streams, ThousandsAtATimeGoThroughOneServer) {
  Scene scene(11);
  for (std::uint8_t node = 1; node <= 4; ++node) scene.add(node);
  for (std::uint64_t serial = 0; serial < 2000; ++serial)
    scene.ask(static_cast<std::uint8_t>(1 + serial % 3), 4,
              {.events = 20, .event_bytes = 10, .serial = serial});
  scene.finish();
  EXPECT_THAT(scene.faults, IsEmpty());
  for (std::uint8_t node = 1; node <= 3; ++node) {
    for (const auto& [id, seen] : scene.peers.at(node_named(node))->seen) EXPECT_FALSE(seen.error);
  }
}

/// Faults at random times in the first 20 seconds; calls keep coming meanwhile.
void trouble(Scene& scene, std::uint8_t nodes, std::size_t breaks, bool kill) {
  Random& random = scene.network.random();
  const auto some_time = [&] { return Time{Duration(random.below(20'000'000))}; };
  for (std::size_t i = 0; i < breaks; ++i) {
    const auto a = static_cast<std::uint8_t>(1 + random.below(nodes));
    const auto b = static_cast<std::uint8_t>(1 + (a - 1 + 1 + random.below(nodes - 1)) % nodes);
    const bool repeat = random.below(2) == 0, tell = random.below(3) == 0;
    scene.network.at(some_time(), [&scene, a, b, repeat, tell] {
      if (scene.peers.contains(node_named(a)) && scene.peers.contains(node_named(b)))
        scene.network.break_connection(node_named(a), node_named(b), repeat, tell);
    });
  }
  for (std::size_t i = 0; i < 3; ++i) {
    const auto node = static_cast<std::uint8_t>(1 + random.below(nodes));
    const Time from = some_time();
    scene.network.at(from, [&scene, node] { scene.network.freeze(node_named(node)); });
    scene.network.at(from + Duration(random.below(8'000'000)),
                     [&scene, node] { scene.network.thaw(node_named(node)); });
  }
  if (kill) scene.network.at(some_time(), [&scene, nodes] { scene.network.kill(node_named(nodes)); });
}

Script random_script(Random& random, std::uint64_t serial) {
  Script script{.events = random.below(60), .event_bytes = random.below(300), .serial = serial};
  if (random.below(8) == 0) {
    script.event_bytes = random.below(kEventBytes - 8);
    script.events %= 6;
  }
  if (random.below(2) == 0) script.pause_us = random.below(400'000);
  script.fails = random.below(5) == 0;
  return script;
}

RC_GTEST_PROP(Streams, DeliverTheirEventsInOrderAndOneEndThroughAnyTrouble, (std::uint64_t seed)) {
  Scene scene(seed, Duration(1000 + seed % 200'000));
  Random& random = scene.network.random();
  const auto nodes = static_cast<std::uint8_t>(2 + random.below(3));
  for (std::uint8_t node = 1; node <= nodes; ++node) {
    scene.add(node, {.calls_max = 20, .stream_events = 1 + random.below(30), .stream_bytes = kEventBytes});
  }
  const bool kill = random.below(2) == 0;
  trouble(scene, nodes, random.below(30), kill);
  for (std::uint64_t serial = 0; serial < 30; ++serial) {
    const Script script = random_script(random, serial);
    const auto from = static_cast<std::uint8_t>(1 + random.below(nodes));
    const auto to = static_cast<std::uint8_t>(1 + (from - 1 + 1 + random.below(nodes - 1)) % nodes);
    const Credit window{1 + random.below(50), kEventBytes + random.below(kEventBytes)};
    const Duration read_pause(random.below(3) == 0 ? random.below(500'000) : 0);
    const std::chrono::milliseconds deadline(random.below(4) == 0 ? 1 + random.below(8000) : 60'000);
    scene.network.at(Time{Duration(random.below(20'000'000))},
                     [&scene, from, to, script, window, read_pause, deadline] {
                       scene.ask(from, to, script, window, read_pause, deadline);
                     });
  }
  if (kill) {
    scene.network.run(Time{25s});
    scene.peers.erase(node_named(nodes));
  }
  scene.finish();
  for (const std::string& fault : scene.faults) RC_LOG() << fault << "\n";
  RC_ASSERT(scene.faults.empty());
}

RC_GTEST_PROP(Streams, AllEndWellWhereNothingIsLost, (std::uint64_t seed)) {
  Scene scene(seed, Duration(1000 + seed % 300'000));
  Random& random = scene.network.random();
  for (std::uint8_t node = 1; node <= 3; ++node) scene.add(node, {.stream_events = 1 + random.below(30)});
  for (std::uint64_t serial = 0; serial < 15; ++serial) {
    const auto from = static_cast<std::uint8_t>(1 + random.below(3));
    const auto to = static_cast<std::uint8_t>(1 + (from + random.below(2)) % 3);
    const Credit window{1 + random.below(50), kEventBytes + random.below(kEventBytes)};
    scene.ask(from, to, random_script(random, serial), window, Duration(random.below(50'000)), 500s);
  }
  scene.finish();
  for (const auto& [id, peer] : scene.peers) {
    for (const auto& [stream, seen] : peer->seen) {
      RC_ASSERT(seen.events == seen.script.events);
      RC_ASSERT(seen.error.has_value() == seen.script.fails);
    }
  }
  for (const std::string& fault : scene.faults) RC_LOG() << fault << "\n";
  RC_ASSERT(scene.faults.empty());
}

}  // namespace
}  // namespace zswarm::bus
