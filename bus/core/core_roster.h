// Which member the overlay may audit: one that counts as living, takes links, and of which nothing came for a
// while, neither a message nor a load hint.
//
// Its card is the ledger's. One thread, that of the core; members, ledger and cards outlive this object.
#pragma once

#include "bus/core/card_desk.h"
#include "bus/core/members.h"
#include "bus/ledger/store.h"
#include "bus/overlay/roster.h"

namespace zswarm::bus {

class CoreRoster final : public Roster {
 public:
  static constexpr Duration kSilence = std::chrono::seconds(60);

  CoreRoster(const Members& members, const Ledger& ledger, const CardDesk& cards)
      : members_(members), ledger_(ledger), cards_(cards) {}

  [[nodiscard]] std::optional<RosterEntry> pick(Time now, Random& random) override;

 private:
  const Members& members_;
  const Ledger& ledger_;
  const CardDesk& cards_;
};

}  // namespace zswarm::bus
