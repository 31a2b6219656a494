// The members of the network as this node sees them: cards from the ledger and from those whom it admitted,
// and what the overlay found out about their lives.
//
// A view, kept by the core; never the ground for admitting anybody. Bounded: when all places are taken, those
// go first who are dead, have left or are revoked, then those of whom nothing was heard for longest; never
// one whom the caller wants to keep. One thread.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bus/base/time.h"
#include "bus/keys/card.h"
#include "bus/overlay/event.h"

namespace zswarm::bus {

enum class MemberState : std::uint8_t {
  kAlive,
  kSuspected,
  kUnreachable,  // from here; nobody has found it dead
  kDead,
  kLeft,
  kRevoked,
  kGuest,  // shown to us, and no member; whether it is still there nobody finds out
};
[[nodiscard]] std::string_view member_state_name(MemberState state);
/// Alive, suspected or unreachable.
[[nodiscard]] bool lives(MemberState state);

/// Which of a node's hints is the later one: news do not keep their order on the way.
struct HintOrder {
  std::uint64_t incarnation = 0, number = 0;
  friend auto operator<=>(const HintOrder&, const HintOrder&) = default;
};

struct Member {
  Card card;
  MemberState state = MemberState::kAlive;
  Time heard;    // when it last spoke to us, or something new came of it
  Bytes hint{};  // its latest load hint; what it means is the program's business
  Time hint_at;  // when that came, if there is one
  HintOrder hint_order{};
};

class Members {
 public:
  explicit Members(std::size_t most) : most_(most) {}

  /// A card that was verified. An older one than what is known changes nothing. False if there is no place
  /// for it: make_room() first.
  bool learn(Time now, const Card& card);
  void heard(Time now, const NodeId& id);
  /// Nothing happens to one that is revoked: see pardon().
  void set_state(const NodeId& id, MemberState state);
  /// It is revoked no more. It counts as gone until it shows itself.
  void pardon(const NodeId& id);
  void forget(const NodeId& id) { members_.erase(id); }
  /// The hint of a member that is known; others are passed over, and hints that are not later than the one
  /// known.
  void set_hint(Time now, const NodeId& id, ByteView hint, const HintOrder& order);

  /// True if this card would need a place and there is none.
  [[nodiscard]] bool is_full_for(const NodeId& id) const;
  /// Takes out a sixteenth of all, at least one, or as many as may go. Who went.
  std::vector<NodeId> make_room(const std::function<bool(const NodeId&)>& keep);

  [[nodiscard]] const std::map<NodeId, Member>& all() const { return members_; }
  [[nodiscard]] const Member* find(const NodeId& id) const;
  [[nodiscard]] std::size_t living() const;

 private:
  std::size_t most_;
  std::map<NodeId, Member> members_;
};

}  // namespace zswarm::bus
