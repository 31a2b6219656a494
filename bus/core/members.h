// The members of the network as this node sees them: cards from the ledger, and what the overlay found out
// about their lives.
//
// A view, kept by the core; never the ground for admitting anybody. Bounded by the ledger's own quotas. One
// thread.
#pragma once

#include <map>
#include <string>

#include "bus/keys/card.h"
#include "bus/overlay/event.h"

namespace zswarm::bus {

enum class MemberState : std::uint8_t { kAlive, kSuspected, kDead, kLeft, kRevoked };
[[nodiscard]] std::string_view member_state_name(MemberState state);

struct Member {
  Card card;
  MemberState state = MemberState::kAlive;
};

class Members {
 public:
  /// A card that was verified. An older one than what is known changes nothing.
  void learn(const Card& card);
  void forget(const NodeId& id) { members_.erase(id); }
  void set_state(const NodeId& id, MemberState state);

  [[nodiscard]] const std::map<NodeId, Member>& all() const { return members_; }
  [[nodiscard]] const Member* find(const NodeId& id) const;

 private:
  std::map<NodeId, Member> members_;
};

}  // namespace zswarm::bus
