// A whole node over real sockets on loopback, with a thread of its own, for tests.
#pragma once

#include <gtest/gtest.h>

#include <concepts>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include "bus/zmq/bus.h"

namespace zswarm::bus {

using namespace std::chrono_literals;

inline constexpr auto kPatience = 20s;

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
  /// `adjust` changes the options before the node is opened.
  Node(
      const Network& network, std::vector<Endpoint> bootstrap, const std::string& name = "node",
      const std::function<void(BusOptions&)>& adjust = [](BusOptions&) {},
      std::optional<Identity> ran_before = std::nullopt) {
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
    adjust(options);
    Identity identity = ran_before ? std::move(*ran_before) : Identity::from_seed(Secret<32>::random(), 1);
    curve_key_ = identity.curve.public_key;
    auto opened = Bus::open(std::move(options), std::move(identity), network.keys());
    EXPECT_TRUE(opened) << opened.error().message;
    bus_ = std::move(*opened);
    thread_ = std::thread([this] { bus_->run(); });
  }
  template <std::invocable<BusOptions&> Adjust>
  Node(const Network& network, Adjust adjust, std::optional<Identity> ran_before = std::nullopt)
      : Node(network, {}, "node", adjust, std::move(ran_before)) {}
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

  [[nodiscard]] BusStatus status() {
    return on_bus([this](Core&, const Now&) { return bus_->status(); });
  }
  [[nodiscard]] std::vector<Endpoint> addresses_to_remember() {
    return on_bus([this](Core&, const Now&) { return bus_->addresses_to_remember(); });
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
  [[nodiscard]] const CurvePublicKey& curve_key() const { return curve_key_; }
  /// Where a socket listens.
  [[nodiscard]] Endpoint socket(Socket which) {
    return on_bus([which](Core& core, const Now&) { return *read_card(core.card())->socket(which); });
  }
  [[nodiscard]] std::string own_key() const { return "node/" + id().text() + "/note"; }

 private:
  std::unique_ptr<Bus> bus_;
  CurvePublicKey curve_key_{};
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

inline bool write_note(Node& node, const std::string& text) {
  return node.on_bus([key = node.own_key(), text](Core& core, const Now& now) {
    return core.put(now, key, bytes_of(text)).has_value();
  });
}

}  // namespace zswarm::bus
