// Whole nodes over real sockets on loopback, each with a thread of its own.
#include "bus/zmq/bus.h"

#include <gtest/gtest.h>

#include "tests/bus/zmq/bus_node.h"

namespace zswarm::bus {
namespace {

TEST(Bus, NodesWithOneTokenFindEachOtherAndShareALedger) {
  const Network network;
  Node first(network, {}), second(network, {first.join()}), third(network, {second.join()});
  ASSERT_TRUE(write_note(first, "hello"));
  EXPECT_TRUE(eventually([&] { return third.value(first.own_key()) == "hello"; }));
  ASSERT_TRUE(write_note(third, "good day"));
  EXPECT_TRUE(eventually([&] { return first.value(third.own_key()) == "good day"; }));
  EXPECT_TRUE(eventually(
      [&] { return first.state_of(third.id()) == "alive" && third.state_of(first.id()) == "alive"; }));
}

TEST(Bus, WhatWasWrittenBeforeANodeCameReachesIt) {
  const Network network;
  Node first(network, {});
  ASSERT_TRUE(write_note(first, "early"));
  Node late(network, {first.join()});
  EXPECT_TRUE(eventually([&] { return late.value(first.own_key()) == "early"; }));
}

TEST(Bus, AnotherTokenDoesNotGetIn) {
  const Network network, other;
  Node first(network, {}), stranger(other, {first.join()}), friendly(network, {first.join()});
  ASSERT_TRUE(eventually([&] { return friendly.neighbours() == 1; }));
  EXPECT_EQ(stranger.neighbours(), 0u);
  EXPECT_EQ(first.state_of(stranger.id()), "unknown");
}

TEST(Bus, ANodeThatLeavesIsKnownToHaveLeft) {
  const Network network;
  Node first(network, {});
  NodeId id;
  {
    Node second(network, {first.join()});
    id = second.id();
    ASSERT_TRUE(eventually([&] { return first.state_of(id) == "alive" && second.neighbours() == 1; }));
  }
  EXPECT_TRUE(eventually([&] { return first.state_of(id) == "left"; }));
}

TEST(Bus, ARevokedNodeIsCutOffAndStaysOut) {
  const Network network;
  Node first(network, {}), second(network, {first.join()}), bad(network, {first.join(), second.join()});
  ASSERT_TRUE(eventually(
      [&] { return second.state_of(bad.id()) == "alive" && bad.state_of(second.id()) == "alive"; }));
  const std::string key = "network/revoked/" + bad.id().text();
  ASSERT_TRUE(first.on_bus([&](Core& core, const Now& now) {
    return core.put_as_operator(now, network.operator_keys, key, bytes_of("lost")).has_value();
  }));
  EXPECT_TRUE(eventually([&] { return second.state_of(bad.id()) == "revoked" && second.neighbours() == 1; }));
  EXPECT_TRUE(eventually([&] { return bad.log().find("has been revoked") != std::string::npos; }))
      << bad.log();
  // What it writes reaches nobody (and once it knows, it writes nothing), what the others write still reaches
  // each of them.
  (void)write_note(bad, "let me in");
  ASSERT_TRUE(write_note(second, "all well"));
  EXPECT_TRUE(eventually([&] { return first.value(second.own_key()) == "all well"; }));
  EXPECT_EQ(first.value(bad.own_key()), "");
  EXPECT_EQ(bad.value(second.own_key()), "");
}

TEST(Bus, ServicesAnswerAcrossTheNetwork) {
  const Network network;
  Node server(network, {}), caller(network, {server.join()});
  ASSERT_TRUE(eventually([&] { return caller.neighbours() == 1; }));
  ASSERT_TRUE(
      server.on_bus([](Core& core, const Now&) { return core.services().offer("echo", 8).has_value(); }));
  const auto id = caller.on_bus([to = server.id()](Core& core, const Now& now) {
    ServiceCall call;
    call.service = "echo";
    call.payload = {1, 2, 3};
    return core.calls().call(now.steady, to, std::move(call), core.out()).value_or(0);
  });
  ASSERT_NE(id, 0u);
  Bytes answered;
  bool ended = false;
  EXPECT_TRUE(eventually([&] {
    server.on_bus([](Core& core, const Now& now) {
      for (const IncomingCall& call : core.services().take_calls()) {
        (void)core.services().event(now.steady, call.call, call.payload, {}, core.out());
        (void)core.services().finish(now.steady, call.call, {}, core.out());
      }
      return 0;
    });
    for (const StreamDelivery& delivery :
         caller.on_bus([](Core&core, const Now&) { return core.calls().take_events(); })) {
      if (const auto* event = std::get_if<StreamEvent>(&delivery)) answered = event->payload;
      if (const auto* end = std::get_if<StreamEnd>(&delivery)) ended = !end->error;
    }
    return ended;
  }));
  EXPECT_EQ(answered, (Bytes{1, 2, 3}));
}

TEST(Bus, ANewTokenReachesAllWithoutARestartAndTheOldOneLetsNobodyIn) {
  const Network network;
  Node first(network, {}), second(network, {first.join()}), third(network, {first.join()});
  ASSERT_TRUE(eventually([&] { return first.neighbours() == 2 && third.neighbours() == 2; }));
  Network changed;
  changed.token = network.token.copy();
  changed.token.epoch = 2;
  changed.token.secret = Secret<32>::random();
  const auto all_know = [&] {
    return first.on_bus([](Core& core, const Now&) { return core.members().all().size(); }) == 2;
  };
  ASSERT_TRUE(eventually(all_know));
  const Status rotated = first.on_bus(
      [&](Core& core, const Now& now) { return core.rotate(now, network.operator_keys, changed.token); });
  ASSERT_TRUE(rotated) << rotated.error().message;
  for (Node* node : {&first, &second, &third}) {
    EXPECT_TRUE(eventually(
        [&] { return node->on_bus([](Core& core, const Now&) { return core.keys().epoch; }) == 2; }));
    EXPECT_EQ(node->on_bus([](Core& core, const Now&) {
      const auto token = core.take_new_token();
      return token ? std::string(token->text().reveal()) : std::string();
    }),
              changed.token.text().reveal());
  }
  ASSERT_TRUE(write_note(third, "still here"));
  EXPECT_TRUE(eventually([&] { return second.value(third.own_key()) == "still here"; }));
  Node late(changed, {second.join()}), stranger(network, {first.join(), second.join()});
  EXPECT_TRUE(eventually([&] { return late.value(third.own_key()) == "still here"; }));
  EXPECT_TRUE(eventually([&] { return first.state_of(late.id()) == "alive"; }));
  EXPECT_EQ(stranger.neighbours(), 0u);
  EXPECT_EQ(first.state_of(stranger.id()), "unknown");
}

}  // namespace
}  // namespace zswarm::bus
