#include "bus/core/members.h"

#include <algorithm>

namespace zswarm::bus {

std::string_view member_state_name(MemberState state) {
  switch (state) {
    case MemberState::kAlive:
      return "alive";
    case MemberState::kSuspected:
      return "suspected";
    case MemberState::kUnreachable:
      return "unreachable";
    case MemberState::kDead:
      return "dead";
    case MemberState::kLeft:
      return "left";
    case MemberState::kRevoked:
      return "revoked";
    case MemberState::kGuest:
      return "guest";
  }
  return "unknown";
}

bool lives(MemberState state) {
  return state == MemberState::kAlive || state == MemberState::kSuspected ||
         state == MemberState::kUnreachable;
}

bool Members::learn(Time now, const Card& card) {
  if (is_full_for(card.id())) return false;
  const auto [at, added] = members_.try_emplace(card.id());
  Member& member = at->second;
  const bool newer = card.incarnation > member.card.incarnation;
  // Of one incarnation, the card of the later epoch counts: made after a rotation.
  const bool same = card.incarnation == member.card.incarnation && card.epoch >= member.card.epoch;
  if (!added && !newer && !same) return true;
  // A later start of a node that was dead or had left is a new life; revocation is not outlived.
  if (member.state != MemberState::kRevoked) {
    if (!card.takes_links()) {
      member.state = MemberState::kGuest;
    } else if (newer || member.state == MemberState::kGuest) {
      member.state = MemberState::kAlive;
    }
  }
  member.card = card;
  member.heard = now;
  return true;
}

void Members::heard(Time now, const NodeId& id) {
  const auto member = members_.find(id);
  if (member == members_.end()) return;
  member->second.heard = now;
  if (member->second.state == MemberState::kUnreachable) member->second.state = MemberState::kAlive;
}

void Members::set_state(const NodeId& id, MemberState state) {
  const auto member = members_.find(id);
  if (member == members_.end() || member->second.state == MemberState::kRevoked) return;
  // Of a guest's life nobody knows, whatever somebody broadcasts.
  if (member->second.state != MemberState::kGuest || state == MemberState::kRevoked)
    member->second.state = state;
}

void Members::pardon(const NodeId& id) {
  const auto member = members_.find(id);
  if (member != members_.end() && member->second.state == MemberState::kRevoked)
    member->second.state = MemberState::kLeft;
}

void Members::set_hint(Time now, const NodeId& id, ByteView hint, const HintOrder& order) {
  const auto member = members_.find(id);
  if (member == members_.end() || order <= member->second.hint_order) return;
  member->second.hint_order = order;
  member->second.hint.assign(hint.begin(), hint.end());
  member->second.hint_at = member->second.heard = now;
}

bool Members::is_full_for(const NodeId& id) const {
  return members_.size() >= most_ && !members_.contains(id);
}

std::vector<NodeId> Members::make_room(const std::function<bool(const NodeId&)>& keep) {
  struct Candidate {
    bool lives;
    Time heard;
    NodeId id;
    auto operator<=>(const Candidate&) const = default;
  };
  std::vector<Candidate> candidates;
  for (const auto& [id, member] : members_) {
    if (!keep(id)) candidates.push_back({lives(member.state), member.heard, id});
  }
  // Many at once, so that looking through all of them is paid for by many newcomers.
  const std::size_t count = std::min(candidates.size(), std::max<std::size_t>(1, most_ / 16));
  std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(count),
                    candidates.end());
  std::vector<NodeId> gone;
  for (std::size_t i = 0; i < count; ++i) {
    gone.push_back(candidates[i].id);
    members_.erase(candidates[i].id);
  }
  return gone;
}

std::size_t Members::living() const {
  return static_cast<std::size_t>(std::count_if(members_.begin(), members_.end(),
                                                [](const auto& entry) { return lives(entry.second.state); }));
}

const Member* Members::find(const NodeId& id) const {
  const auto member = members_.find(id);
  return member == members_.end() ? nullptr : &member->second;
}

}  // namespace zswarm::bus
