// How other nodes behave towards us: what each may make us do, and when we have had enough of it.
//
// Senders are who the transport's keys say, so faults have an owner. Each sender has two buckets. Work: what
// it asks for is paid from it by what the answer costs; beyond it messages are dropped. Faults: messages that
// no honest node of this version sends (PROTOCOL.md, "Conduct"); whoever empties that one is shunned for a
// while. Work beyond the bucket is a fault, too, but once in a second at most, so that a short burst is none.
//
// Sans I/O, one thread. Memory is bounded: senders that were quiet for long are forgotten, and beyond the
// maximum the ones that were met first.
#pragma once

#include <deque>
#include <unordered_map>

#include "bus/base/node_id.h"
#include "bus/base/time.h"
#include "bus/base/token_bucket.h"
#include "bus/overlay/config.h"

namespace zswarm::bus {

class Conduct {
 public:
  explicit Conduct(const OverlayConfig& config) : config_(config) {}

  [[nodiscard]] bool is_shunned(Time now, const NodeId& id) const {
    const auto at = senders_.find(id);
    return at != senders_.end() && now < at->second.shunned_until;
  }

  /// Takes units of work from the sender's bucket; false if there are not as many.
  [[nodiscard]] bool may_ask(Time now, const NodeId& id, std::uint64_t units) {
    return sender(now, id).work.take(now, units);
  }

  /// Notes a fault; true if it was one too many: from now on the sender is shunned.
  [[nodiscard]] bool note_fault(Time now, const NodeId& id) {
    Sender& s = sender(now, id);
    if (now < s.shunned_until || s.faults.take(now, 1)) return false;
    s.shunned_until = now + config_.shun_faulty_for;
    return true;
  }

  /// The same, for asking too much.
  [[nodiscard]] bool note_excess(Time now, const NodeId& id) {
    Sender& s = sender(now, id);
    if (now - s.last_excess < 1s) return false;
    s.last_excess = now;
    return note_fault(now, id);
  }

  [[nodiscard]] std::size_t size() const { return senders_.size(); }

 private:
  struct Sender {
    TokenBucket work, faults;
    Time met, shunned_until{Duration::min() / 2}, last_excess{Duration::min() / 2};
  };

  Sender& sender(Time now, const NodeId& id) {
    forget_old(now);
    const auto known = senders_.find(id);
    if (known != senders_.end()) return known->second;
    order_.emplace_back(now, id);
    const Sender fresh{{config_.work_per_s, config_.work_burst}, {0, config_.faults_borne}, now};
    return senders_.emplace(id, fresh).first->second;
  }

  /// Forgetting is also how faults of long ago are forgiven.
  void forget_old(Time now) {
    while (!order_.empty() &&
           (order_.size() >= config_.senders_max || order_.front().first + config_.forgive_after <= now)) {
      const auto [met, id] = order_.front();
      order_.pop_front();
      const auto at = senders_.find(id);
      if (at == senders_.end() || at->second.met != met) continue;
      if (now < at->second.shunned_until && order_.size() + 1 < config_.senders_max) {
        at->second.met = now;
        order_.emplace_back(now, id);
      } else {
        senders_.erase(at);
      }
    }
  }

  const OverlayConfig& config_;
  std::unordered_map<NodeId, Sender> senders_;
  std::deque<std::pair<Time, NodeId>> order_;  // as they were met
};

/// One bucket for each of many names, of which the ones that were met first are forgotten beyond a maximum.
class Shares {
 public:
  Shares(std::uint64_t per_s, std::uint64_t burst, std::size_t max) : full_(per_s, burst), max_(max) {}

  [[nodiscard]] bool take(Time now, const NodeId& id, std::uint64_t units) {
    const auto [at, is_new] = buckets_.try_emplace(id, full_);
    if (is_new) {
      order_.push_back(id);
      if (order_.size() > max_) {
        buckets_.erase(order_.front());
        order_.pop_front();
      }
    }
    return at->second.take(now, units);  // unordered_map keeps other elements where they are
  }

 private:
  const TokenBucket full_;
  const std::size_t max_;
  std::unordered_map<NodeId, TokenBucket> buckets_;
  std::deque<NodeId> order_;
};

}  // namespace zswarm::bus
