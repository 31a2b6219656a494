// What was last told of members' beginnings and ends, so that late and contradicting news do not confuse:
// SWIM's precedence (Das, Gupta, Motivala, DSN 2002, section 4.2). An end overrides a life of the same or a
// lower incarnation, a life overrides an end of a lower one.
//
// Only the latest few thousand changes are remembered, for an hour, which is also for how long two parts of a
// network that were separated can tell each other whom they gave up; this is no list of all members.
#pragma once

#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "bus/base/node_id.h"
#include "bus/base/time.h"

namespace zswarm::bus {

class Obituaries {
 public:
  Obituaries(Duration keep, std::size_t max) : keep_(keep), max_(max) {}

  /// Notes what is told; false if it is old, or known.
  bool take(Time now, const NodeId& id, std::uint64_t incarnation, bool lives) {
    while (!order_.empty() && (order_.front().first + keep_ <= now || order_.size() > max_)) {
      const auto at = last_.find(order_.front().second);
      if (at != last_.end() && at->second.since == order_.front().first) last_.erase(at);
      order_.pop_front();
    }
    const auto at = last_.find(id);
    if (at != last_.end()) {
      const Told& told = at->second;
      if (incarnation < told.incarnation) return false;
      if (incarnation == told.incarnation && (lives || !told.lives)) return false;
    }
    const bool risen = lives && at != last_.end() && (!at->second.lives || at->second.risen);
    last_[id] = {incarnation, lives, risen, now};
    order_.emplace_back(now, id);
    return true;
  }
  [[nodiscard]] bool is_dead(const NodeId& id) const {
    const auto at = last_.find(id);
    return at != last_.end() && !at->second.lives;
  }
  /// It was called dead and lives.
  [[nodiscard]] bool has_risen(const NodeId& id) const {
    const auto at = last_.find(id);
    return at != last_.end() && at->second.risen;
  }
  /// When its end was told; nothing if it lives.
  [[nodiscard]] std::optional<Time> dead_since(const NodeId& id) const {
    const auto at = last_.find(id);
    if (at == last_.end() || at->second.lives) return std::nullopt;
    return at->second.since;
  }
  /// The highest of which anything was told; 0 if nothing was.
  [[nodiscard]] std::uint64_t incarnation(const NodeId& id) const {
    const auto at = last_.find(id);
    return at != last_.end() ? at->second.incarnation : 0;
  }
  struct End {
    NodeId id;
    std::uint64_t incarnation = 0;
  };
  /// Ends that were told since then and still hold, the latest first.
  [[nodiscard]] std::vector<End> ends_since(Time since) const {
    std::vector<End> ends;
    for (auto told = order_.rbegin(); told != order_.rend() && told->first >= since; ++told) {
      const auto at = last_.find(told->second);
      if (at == last_.end() || at->second.lives || at->second.since != told->first) continue;
      ends.push_back({told->second, at->second.incarnation});
    }
    return ends;
  }
  [[nodiscard]] std::size_t size() const { return order_.size(); }

 private:
  struct Told {
    std::uint64_t incarnation = 0;
    bool lives = true;
    bool risen = false;
    Time since;
  };
  Duration keep_;
  std::size_t max_;
  std::unordered_map<NodeId, Told> last_;
  std::deque<std::pair<Time, NodeId>> order_;
};

}  // namespace zswarm::bus
