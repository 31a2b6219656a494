// Whole nodes over real sockets on loopback, each with a thread of its own.
#include "bus/zmq/bus.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace zswarm::bus {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 20s;

/// A network's token and its operator's key.
struct Network {
  SignKeyPair operator_keys = SignKeyPair::from_seed(Secret<32>::random());
  Token token;
  Network() {
    token.secret = Secret<32>::random();
    token.operator_key = operator_keys.public_key;
  }
  [[nodiscard]] std::vector<NetworkKeys> keys() const {
    std::vector<NetworkKeys> epochs;
    epochs.push_back(NetworkKeys::of(token));
    return epochs;
  }
};

class Node {
 public:
  Node(const Network& network, std::vector<Endpoint> bootstrap, const std::string& name = "node") {
    BusOptions options;
    options.core.card.name = name;
    options.core.card.version = "0";
    options.core.instance = random_u64();
    options.core.seed = random_u64();
    options.bootstrap = std::move(bootstrap);
    options.log = [this](const std::string& sentence) {
      const std::lock_guard lock(mutex_);
      log_ += sentence + "\n";
    };
    auto opened = Bus::open(std::move(options), Identity::from_seed(Secret<32>::random(), 1), network.keys());
    EXPECT_TRUE(opened) << opened.error().message;
    bus_ = std::move(*opened);
    thread_ = std::thread([this] { bus_->run(); });
  }
  ~Node() {
    bus_->stop();
    thread_.join();
  }

  template <class Work>
  auto on_bus(Work work) {
    using Answer = std::invoke_result_t<Work, Core&, const Now&>;
    auto promise = std::make_shared<std::promise<Answer>>();
    auto answer = promise->get_future();
    bus_->post([promise, work](Core& core, const Now& now) { promise->set_value(work(core, now)); });
    return answer.get();
  }

  [[nodiscard]] std::string value(const std::string& key) {
    return on_bus([key](Core& core, const Now&) {
      const auto found = core.ledger().get(key);
      return found ? std::string(found->value.begin(), found->value.end()) : std::string();
    });
  }
  [[nodiscard]] std::size_t neighbours() {
    return on_bus([](Core& core, const Now&) { return core.overlay().active().size(); });
  }
  [[nodiscard]] std::string state_of(const NodeId& id) {
    return on_bus([id](Core& core, const Now&) {
      const Member* member = core.members().find(id);
      return member != nullptr ? std::string(member_state_name(member->state)) : std::string("unknown");
    });
  }
  [[nodiscard]] std::string log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }
  [[nodiscard]] Endpoint join() const { return bus_->join_endpoint(); }
  [[nodiscard]] NodeId id() const { return bus_->id(); }
  [[nodiscard]] std::string own_key() const { return "node/" + id().text() + "/note"; }

 private:
  std::unique_ptr<Bus> bus_;
  std::mutex mutex_;
  std::string log_;
  std::thread thread_;
};

/// Asks until the answer is yes; the asking itself takes turns with the bus thread, so nothing is slept
/// through.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    if (condition()) return true;
  }
  return false;
}

bool write_note(Node& node, const std::string& text) {
  return node.on_bus([key = node.own_key(), text](Core& core, const Now& now) {
    return core.put(now, key, bytes_of(text)).has_value();
  });
}

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
  // What it writes reaches nobody, what the others write still reaches each of them.
  ASSERT_TRUE(write_note(bad, "let me in"));
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

}  // namespace
}  // namespace zswarm::bus
