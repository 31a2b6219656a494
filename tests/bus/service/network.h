// A small network for protocol code under test: virtual time, one delay per link and direction (order within
// a link holds, between links it does not), connections that break, nodes that die or freeze.
//
// What a broken connection does to messages on their way: each direction loses a tail of them; with `repeat`
// the last one that arrived comes once more, as after a reconnect of a sender that could not know.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <set>
#include <utility>
#include <vector>

#include "bus/base/random.h"
#include "bus/proto/outbox.h"
#include "bus/wire/message.h"

namespace zswarm::bus {

inline NodeId node_named(std::uint8_t number) {
  NodeId id;
  id.bytes.fill(number);
  return id;
}

/// One node: protocol objects, and the program that uses them.
class TestNode {
 public:
  virtual ~TestNode() = default;
  virtual void on_message(Time now, const NodeId& from, const Header& header, const Send& message,
                          Outbox& out) = 0;
  virtual void on_lost(Time now, const NodeId& peer, Outbox& out) = 0;
  virtual void on_timer(Time now, Outbox& out) = 0;
  [[nodiscard]] virtual Time next_timer() const = 0;
};

class TestNetwork {
 public:
  /// Delays of links are drawn from 100 us to max_delay.
  TestNetwork(std::uint64_t seed, Duration max_delay) : random_(seed), max_delay_(max_delay) {}

  void add(const NodeId& id, TestNode& node) { nodes_[id] = &node; }
  void kill(const NodeId& id) { nodes_.erase(id); }
  /// The process does not run; what is sent to it waits.
  void freeze(const NodeId& id) { frozen_.insert(id); }
  void thaw(const NodeId& id) {
    frozen_.erase(id);
    for (const auto& [ends, key] : std::exchange(waiting_[id], {})) arrive(ends, key);
  }
  /// Called with every message that is sent, before anything can happen to it.
  void watch(std::function<void(Time, const NodeId& from, const Send&)> watcher) {
    watcher_ = std::move(watcher);
  }

  [[nodiscard]] Time now() const { return now_; }
  Random& random() { return random_; }

  /// Runs `what` at a time to come.
  void at(Time time, std::function<void()> what) { agenda_.push({time, ++order_, std::move(what)}); }

  /// Lets a node act outside of messages and timers, and sends what it wants sent.
  void act(const NodeId& id, const std::function<void(Outbox&)>& what) {
    if (!nodes_.contains(id)) return;
    Outbox out;
    what(out);
    carry_out(id, out);
  }

  void break_connection(const NodeId& a, const NodeId& b, bool repeat, bool tell) {
    cut(a, b, repeat);
    cut(b, a, repeat);
    if (!tell) return;
    act(a, [&](Outbox& out) { nodes_.at(a)->on_lost(now_, b, out); });
    act(b, [&](Outbox& out) { nodes_.at(b)->on_lost(now_, a, out); });
  }

  /// Until nothing is on its way, no timer set and nothing on the agenda, or `end`.
  void run(Time end) {
    while (true) {
      Time next = agenda_.empty() ? kNever : agenda_.top().time;
      for (const auto& [id, node] : nodes_) {
        if (!frozen_.contains(id)) next = std::min(next, node->next_timer());
      }
      if (next > end || next == kNever) break;
      now_ = std::max(now_, next);
      if (!agenda_.empty() && agenda_.top().time <= now_) {
        const auto what = agenda_.top().what;
        agenda_.pop();
        what();
      } else {
        fire_timers();
      }
    }
    if (end != kNever) now_ = std::max(now_, end);
  }

 private:
  struct Item {
    Time time;
    std::uint64_t order;
    std::function<void()> what;
    friend bool operator<(const Item& a, const Item& b) {
      return std::pair(b.time, b.order) < std::pair(a.time, a.order);
    }
  };
  struct Link {
    Duration delay{0};
    std::map<std::uint64_t, Send> on_the_way;
    std::optional<Send> last;  // that arrived
    Time free;                 // no message overtakes another
  };
  using Ends = std::pair<NodeId, NodeId>;

  void fire_timers() {
    for (const auto& [id, node] : std::map(nodes_)) {
      if (nodes_.contains(id) && !frozen_.contains(id) && node->next_timer() <= now_)
        act(id, [&, n = node](Outbox& out) { n->on_timer(now_, out); });
    }
  }

  void carry_out(const NodeId& from, Outbox& out) {
    for (Effect& effect : out.take()) {
      auto* send = std::get_if<Send>(&effect);
      if (send == nullptr) continue;
      if (watcher_) watcher_(now_, from, *send);
      post({from, send->to}, std::move(*send));
    }
  }

  void post(const Ends& ends, Send message) {
    Link& link = links_[ends];
    if (link.delay.count() == 0) link.delay = Duration(100 + random_.below(max_delay_.count()));
    const Duration jitter(random_.below(link.delay.count() / 4 + 1));
    link.free = std::max(link.free, now_ + link.delay + jitter);
    const std::uint64_t key = ++order_;
    link.on_the_way.emplace(key, std::move(message));
    at(link.free, [this, ends, key] { arrive(ends, key); });
  }

  void arrive(const Ends& ends, std::uint64_t key) {
    Link& link = links_[ends];
    const auto found = link.on_the_way.find(key);
    if (found == link.on_the_way.end() || !nodes_.contains(ends.second)) return;  // lost
    if (frozen_.contains(ends.second)) {
      waiting_[ends.second].emplace_back(ends, key);
      return;
    }
    link.last = std::move(found->second);
    link.on_the_way.erase(found);
    deliver(ends, *link.last);
  }

  void deliver(const Ends& ends, const Send& message) {
    const Result<Header> header = read_header(message.message);
    if (!header) return;
    const Send copy = message;
    act(ends.second,
        [&](Outbox& out) { nodes_.at(ends.second)->on_message(now_, ends.first, *header, copy, out); });
  }

  void cut(const NodeId& from, const NodeId& to, bool repeat) {
    Link& link = links_[{from, to}];
    const std::size_t kept = random_.below(link.on_the_way.size() + 1);
    auto lost = link.on_the_way.begin();
    std::advance(lost, kept);
    link.on_the_way.erase(lost, link.on_the_way.end());
    if (repeat && link.last && nodes_.contains(to) && !frozen_.contains(to))
      deliver({from, to}, Send(*link.last));
  }

  Random random_;
  Duration max_delay_;
  Time now_;
  std::uint64_t order_ = 0;
  std::map<NodeId, TestNode*> nodes_;
  std::set<NodeId> frozen_;
  std::map<NodeId, std::vector<std::pair<Ends, std::uint64_t>>> waiting_;  // for who is frozen
  std::map<Ends, Link> links_;
  std::priority_queue<Item> agenda_;
  std::function<void(Time, const NodeId&, const Send&)> watcher_;
};

}  // namespace zswarm::bus
