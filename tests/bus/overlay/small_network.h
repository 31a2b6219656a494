// A handful of overlays in one test, joined by a network that delivers everything after 10 ms, in order; with
// nodes that can be cut off or stopped. For the large and hostile networks there is bus/sim.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bus/overlay/overlay.h"

namespace zswarm::bus {

/// Cards that say only whose they are.
class PlainCards : public CardCheck {
 public:
  [[nodiscard]] Result<NodeId> check(ByteView card) const override {
    NodeId id;
    if (card.size() != id.bytes.size()) return fail(ErrorCode::kRefused, "the card is not valid");
    std::copy(card.begin(), card.end(), id.bytes.begin());
    return id;
  }
  static Bytes of(const NodeId& id) { return {id.bytes.begin(), id.bytes.end()}; }
};

inline NodeId node_id(std::size_t number) {
  NodeId id;
  Random random(number + 1000);
  for (std::uint8_t& byte : id.bytes) byte = static_cast<std::uint8_t>(random.below(256));
  return id;
}

inline Peer peer_of(std::size_t number) {
  return {node_id(number), PlainCards::of(node_id(number))};
}

class SmallNetwork {
 public:
  struct Node {
    std::unique_ptr<Overlay> overlay;
    std::vector<OverlayEvent> events;
    std::set<NodeId> eager_at, lazy_at;  // whose topics it subscribed to
    std::set<NodeId> linked;
    bool running = true;
    std::size_t sent = 0;
  };

  explicit SmallNetwork(std::size_t size, OverlayConfig config = {}) : config_(config) {
    for (std::size_t i = 0; i < size; ++i) nodes_.push_back(make(i, 1));
  }

  Node& operator[](std::size_t i) { return nodes_[i]; }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] Time now() const { return now_; }
  const OverlayConfig& config() const { return config_; }

  void join_all() {
    for (std::size_t i = 1; i < nodes_.size(); ++i) join(i, 0);
  }
  void join(std::size_t who, std::size_t contact) {
    act(who, [&](Overlay& o, Outbox& out) { o.join(now_, peer_of(contact), out); });
  }
  /// The process ends and starts again, with a higher incarnation.
  void restart(std::size_t i, std::uint64_t incarnation) { nodes_[i] = make(i, incarnation); }

  template <class Action>
  void act(std::size_t who, Action action) {
    Outbox out;
    action(*nodes_[who].overlay, out);
    carry_out(who, out);
  }

  /// Lets time pass. Nodes that do not run keep what arrives for later.
  void run(Duration time) {
    const Time end = now_ + time;
    for (;;) {
      Time next = end;
      for (const Node& node : nodes_) {
        if (node.running) next = std::min(next, std::max(now_, node.overlay->next_timer()));
      }
      for (const Packet& packet : packets_) {
        if (nodes_[packet.to].running) next = std::min(next, std::max(now_, packet.at));
      }
      now_ = next;
      if (next >= end) return;
      deliver();
      for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (nodes_[i].running && nodes_[i].overlay->next_timer() <= now_)
          act(i, [&](Overlay& o, Outbox& out) { o.on_timer(now_, out); });
      }
    }
  }

  void stop(std::size_t i) { nodes_[i].running = false; }
  void resume(std::size_t i) { nodes_[i].running = true; }
  void cut(std::size_t a, std::size_t b) {
    cut_.insert({a, b});
    cut_.insert({b, a});
  }
  void mend() { cut_.clear(); }

  template <class Kind, class Wanted>
  std::size_t count(std::size_t at, Wanted wanted) const {
    return static_cast<std::size_t>(
        std::count_if(nodes_[at].events.begin(), nodes_[at].events.end(), [&](const OverlayEvent& event) {
          const auto* kind = std::get_if<Kind>(&event);
          return kind != nullptr && wanted(*kind);
        }));
  }
  template <class Kind>
  std::size_t count(std::size_t at, const NodeId& about) const {
    return count<Kind>(at, [&](const Kind& event) { return event.id == about; });
  }
  std::size_t delivered(std::size_t at, const Bytes& payload) const {
    return count<Delivered>(at, [&](const Delivered& d) { return d.payload == payload; });
  }

 private:
  struct Packet {
    Time at;
    std::size_t from, to;
    Bytes message;
  };

  Node make(std::size_t i, std::uint64_t incarnation) {
    const Peer self = peer_of(i);
    Node node;
    node.overlay = std::make_unique<Overlay>(
        config_, cards_, Self{self.id, self.card, incarnation, 77 + i + incarnation}, i * 31 + incarnation);
    return node;
  }

  std::size_t index(const NodeId& id) const {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (node_id(i) == id) return i;
    }
    return nodes_.size();
  }

  void post(std::size_t from, std::size_t to, Bytes message) {
    ++nodes_[from].sent;
    if (to >= nodes_.size() || cut_.contains({from, to})) return;
    packets_.push_back({now_ + 10ms, from, to, std::move(message)});
  }

  void carry_out(std::size_t who, Outbox& out) {
    Node& node = nodes_[who];
    const NodeId me = node_id(who);
    for (Effect& effect : out.take()) {
      if (auto* send = std::get_if<Send>(&effect)) {
        post(who, index(send->to), std::move(send->message));
      } else if (auto* publish = std::get_if<Publish>(&effect)) {
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
          const Node& other = nodes_[i];
          const auto& topics = publish->topic == Topic::kEager ? other.eager_at : other.lazy_at;
          if (topics.contains(me)) post(who, i, publish->message);
        }
      } else if (auto* sub = std::get_if<Subscribe>(&effect)) {
        auto& topics = sub->topic == Topic::kEager ? node.eager_at : node.lazy_at;
        sub->on ? (void)topics.insert(sub->to) : (void)topics.erase(sub->to);
      } else if (auto* link = std::get_if<Link>(&effect)) {
        node.linked.insert(link->to);
      } else if (auto* unlink = std::get_if<Unlink>(&effect)) {
        node.linked.erase(unlink->to);
        node.eager_at.erase(unlink->to);
        node.lazy_at.erase(unlink->to);
      }
    }
    for (OverlayEvent& event : node.overlay->take_events()) node.events.push_back(std::move(event));
  }

  void deliver() {
    for (std::size_t i = 0; i < packets_.size();) {
      if (packets_[i].at > now_ || !nodes_[packets_[i].to].running) {
        ++i;
        continue;
      }
      Packet packet = std::move(packets_[i]);
      packets_.erase(packets_.begin() + static_cast<std::ptrdiff_t>(i));
      act(packet.to, [&](Overlay& o, Outbox& out) {
        static_cast<void>(o.on_message(now_, node_id(packet.from), packet.message, out));
      });
    }
  }

  OverlayConfig config_;
  PlainCards cards_;
  std::vector<Node> nodes_;
  std::deque<Packet> packets_;
  std::set<std::pair<std::size_t, std::size_t>> cut_;
  Time now_{Duration(1'000'000)};
};

}  // namespace zswarm::bus
