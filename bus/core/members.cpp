#include "bus/core/members.h"

namespace zswarm::bus {

std::string_view member_state_name(MemberState state) {
  switch (state) {
    case MemberState::kAlive:
      return "alive";
    case MemberState::kSuspected:
      return "suspected";
    case MemberState::kDead:
      return "dead";
    case MemberState::kLeft:
      return "left";
    case MemberState::kRevoked:
      return "revoked";
  }
  return "unknown";
}

void Members::learn(const Card& card) {
  Member& member = members_[card.id()];
  const bool newer = card.incarnation > member.card.incarnation;
  if (!newer && card.incarnation != member.card.incarnation) return;
  // A later start of a node that was dead or had left is a new life; revocation is not outlived.
  if (newer && member.state != MemberState::kRevoked) member.state = MemberState::kAlive;
  member.card = card;
}

void Members::set_state(const NodeId& id, MemberState state) {
  const auto member = members_.find(id);
  if (member != members_.end() && member->second.state != MemberState::kRevoked) member->second.state = state;
}

const Member* Members::find(const NodeId& id) const {
  const auto member = members_.find(id);
  return member == members_.end() ? nullptr : &member->second;
}

}  // namespace zswarm::bus
