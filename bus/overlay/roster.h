// Whom the program knows as a member, beyond the few that the overlay has in its views.
//
// For the audit (OverlayConfig::audit_every): who dies together with all its neighbours, or before any of
// them has probed it, is missed by nobody's probes. So each node now and then looks at a member chosen at
// random. One thread, that of the overlay.
#pragma once

#include <cstdint>
#include <optional>

#include "bus/base/random.h"
#include "bus/base/time.h"
#include "bus/overlay/peer.h"

namespace zswarm::bus {

struct RosterEntry {
  Peer peer;  // its card is valid
  std::uint64_t incarnation = 0;
};

class Roster {
 public:
  virtual ~Roster() = default;
  /// One that counts as living and of which nothing was heard of late, each equally likely; nothing if there
  /// is none.
  [[nodiscard]] virtual std::optional<RosterEntry> pick(Time now, Random& random) = 0;
};

}  // namespace zswarm::bus
