// How far a host's engine is with a request: what a beat says, and what an entry learns the pace from.
#pragma once

#include <cstdint>

namespace zswarm::node {

struct Progress {
  enum class Phase : std::uint8_t { kWaiting, kPrefill, kDecode };
  Phase phase = Phase::kWaiting;
  std::uint64_t steps = 0;  // that the engine has taken since its start; it grows while it works at all
};

}  // namespace zswarm::node
