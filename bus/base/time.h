// Points in time as protocol code sees them: an argument, never a clock call.
//
// Time counts microseconds of a steady clock from an arbitrary start; the wall clock appears only in hybrid
// logical clocks (ledger/hlc.h) and is passed in beside it.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace zswarm::bus {

using Duration = std::chrono::microseconds;

struct Time {
  Duration since_start{0};

  friend auto operator<=>(const Time&, const Time&) = default;
  friend Time operator+(Time t, Duration d) { return {t.since_start + d}; }
  friend Time operator-(Time t, Duration d) { return {t.since_start - d}; }
  friend Duration operator-(Time a, Time b) { return a.since_start - b.since_start; }
};

inline constexpr Time kNever{Duration::max()};

/// Milliseconds since 1970, by this machine's wall clock; what HLCs are made of. Not monotonic.
struct WallTime {
  std::int64_t ms = 0;
  friend auto operator<=>(const WallTime&, const WallTime&) = default;
};

/// Both clocks at one moment.
struct Now {
  Time steady;
  WallTime wall;
};

}  // namespace zswarm::bus
