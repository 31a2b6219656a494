// What the overlay tells the program, in the order in which it happened.
#pragma once

#include <cstdint>
#include <variant>

#include "bus/base/bytes.h"
#include "bus/base/node_id.h"

namespace zswarm::bus {

/// News that somebody broadcast; never our own. `origin` is what the news says: who must be sure signs the
/// payload. Each is delivered once while its id is remembered (OverlayConfig::keep_ids), so consumers are
/// idempotent.
struct Delivered {
  NodeId origin;
  Bytes payload;
};
struct NeighbourUp {
  NodeId id;
};
struct NeighbourDown {
  NodeId id;
};
/// A neighbour does not answer; it has some seconds to speak up.
struct Suspected {
  NodeId id;
};
/// It did; or somebody who was called dead lives, with this incarnation.
struct Refuted {
  NodeId id;
  std::uint64_t incarnation = 0;
};
struct Dead {
  NodeId id;
  std::uint64_t incarnation = 0;
  bool found_here = false;  // by our own probes
};
struct Left {
  NodeId id;
  std::uint64_t incarnation = 0;
};
struct Joined {
  NodeId id;
  std::uint64_t incarnation = 0;
};
/// Two processes speak with one identity; it may be ours. At most once a minute per node.
struct DuplicateIdentity {
  NodeId id;
};

/// It sent too much that no honest node sends: nothing of it is heeded for a while.
struct Misbehaved {
  NodeId id;
};

using OverlayEvent = std::variant<Delivered, NeighbourUp, NeighbourDown, Suspected, Refuted, Dead, Left,
                                  Joined, DuplicateIdentity, Misbehaved>;

}  // namespace zswarm::bus
