#include "bus/core/core_roster.h"

namespace zswarm::bus {

std::optional<RosterEntry> CoreRoster::pick(Time now, Random& random) {
  const NodeId* chosen = nullptr;
  std::size_t seen = 0;
  for (const auto& [id, member] : members_.all()) {
    if (!lives(member.state) || now - member.heard < kSilence) continue;
    if (random.below(++seen) == 0) chosen = &id;  // reservoir sampling: each of them equally likely
  }
  if (chosen == nullptr) return std::nullopt;
  const std::optional<Found> card = ledger_.get("node/" + chosen->text() + "/card");
  if (!card || !cards_.check(card->value)) return std::nullopt;
  return RosterEntry{{*chosen, Bytes(card->value.begin(), card->value.end())},
                     members_.find(*chosen)->card.incarnation};
}

}  // namespace zswarm::bus
