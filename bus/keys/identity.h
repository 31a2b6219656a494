// Who a node is: one random seed, from which its signing key and its CURVE key come, and a counter of starts.
// Both are kept in the file "identity" of the data folder (private_file.h), made on first start.
//
// Incarnations tell the runs of one node apart and let it refute a false death (SWIM, section 4.2): each
// start begins 2^20 above the last one's beginning, so a run may refute a million times before it would meet
// the next. A folder that was copied or restored begins below what the network remembers; the node then
// learns its own higher incarnation from the others and goes above it.
//
// The contents of the file are seed [32] || incarnation u64, big endian.
#pragma once

#include <cstdint>

#include "bus/base/error.h"
#include "bus/base/node_id.h"
#include "bus/keys/curve.h"
#include "bus/keys/data_folder.h"
#include "bus/keys/secret.h"
#include "bus/keys/sign.h"

namespace zswarm::bus {

inline constexpr std::uint64_t kIncarnationsPerStart = 1u << 20;

struct Identity {
  SignKeyPair sign;
  CurveKeyPair curve;
  std::uint64_t incarnation = 0;  // the first of this run
  NodeId id;

  /// For simulated nodes and tests; on disk nothing changes.
  [[nodiscard]] static Identity from_seed(const Secret<32>& seed, std::uint64_t incarnation);
};

/// Loads or makes the identity, and counts this start before anybody hears of it. Call it once in a run.
/// Errors as read_private_file() and write_private_file().
[[nodiscard]] Result<Identity> start_identity(const DataFolder& folder);

}  // namespace zswarm::bus
