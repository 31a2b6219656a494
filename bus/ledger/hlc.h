// Hybrid logical clocks: stamps that follow the wall clock and still order cause before effect.
//
// Kulkarni et al., "Logical Physical Clocks and Consistent Snapshots in Globally Distributed Databases",
// 2014. A stamp is 48 bits of milliseconds since 1970 above a 16-bit counter, so stamps compare as plain
// numbers. The counter carries into the milliseconds when it overflows: the stamp is then ahead of the wall
// clock by one millisecond, which the bound below covers.
//
// No clock here runs more than kMaxAhead before its machine's wall clock, whatever peers send: a stamp from
// further ahead is refused before it touches anything. A wall clock that steps back leaves the stamps where
// they are and only the counter moves on, until it would be more than kMaxAhead ahead; from there on tick()
// says so, because others would refuse such a stamp. Values only; no I/O; one thread.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>

#include "bus/base/error.h"
#include "bus/base/time.h"

namespace zswarm::bus {

inline constexpr std::int64_t kMaxAheadMs = 5'000;

struct Hlc {
  std::uint64_t packed = 0;

  /// The last stamp that there is; the top bit stays free (ledger/position.h).
  static constexpr std::uint64_t kMax = (std::uint64_t{1} << 63) - 1;

  [[nodiscard]] std::int64_t ms() const { return static_cast<std::int64_t>(packed >> 16); }
  [[nodiscard]] std::uint16_t counter() const { return static_cast<std::uint16_t>(packed); }
  /// The first stamp of a millisecond; times outside the range give its ends.
  [[nodiscard]] static Hlc at(std::int64_t ms) {
    constexpr std::int64_t last = (std::int64_t{1} << 47) - 1;
    return {static_cast<std::uint64_t>(std::clamp<std::int64_t>(ms, 0, last)) << 16};
  }

  friend auto operator<=>(const Hlc&, const Hlc&) = default;
};

class HybridClock {
 public:
  /// A stamp later than all that were given out or observed. kBusy if the wall clock is too far behind.
  [[nodiscard]] Result<Hlc> tick(WallTime wall) {
    const Hlc next{std::max(Hlc::at(wall.ms).packed, last_.packed + 1)};
    if (is_ahead(next, wall)) {
      return fail(ErrorCode::kBusy,
                  "this machine's clock is more than five seconds behind its own last entry or what others "
                  "wrote: set it right, or wait");
    }
    return last_ = next;
  }

  /// Whether a stamp is from too far ahead to be let in.
  [[nodiscard]] static bool is_ahead(Hlc stamp, WallTime wall) {
    return stamp.packed > Hlc::kMax || stamp.ms() > std::max<std::int64_t>(wall.ms, 0) + kMaxAheadMs;
  }

  /// Later stamps will be after this one. False, and nothing changes, if it is from too far ahead.
  [[nodiscard]] bool observe(Hlc stamp, WallTime wall) {
    if (is_ahead(stamp, wall)) return false;
    last_ = std::max(last_, stamp);
    return true;
  }

  [[nodiscard]] Hlc last() const { return last_; }

 private:
  Hlc last_;
};

}  // namespace zswarm::bus
