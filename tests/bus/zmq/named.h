// Nodes for tests that only need to tell them apart.
#pragma once

#include <cstdint>

#include "bus/base/node_id.h"

namespace zswarm::bus::test {

/// The id whose bytes are all `number`.
inline NodeId node(std::uint8_t number) {
  NodeId id;
  id.bytes.fill(number);
  return id;
}

}  // namespace zswarm::bus::test
