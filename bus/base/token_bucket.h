// A rate limit with a burst: `per_second` units flow in, at most `burst` are kept.
//
// Sans I/O: time is an argument and must not run backwards (an earlier time adds nothing).
#pragma once

#include <algorithm>
#include <cstdint>

#include "bus/base/time.h"

namespace zswarm::bus {

class TokenBucket {
 public:
  /// Full at the beginning. per_second and burst up to 2^40.
  TokenBucket(std::uint64_t per_second, std::uint64_t burst)
      : per_second_(per_second), burst_(burst), units_(burst) {}

  /// Takes `units` if there are as many.
  [[nodiscard]] bool take(Time now, std::uint64_t units) {
    refill(now);
    if (units > units_) return false;
    units_ -= units;
    return true;
  }

  /// When `units` (at most the burst) will be there.
  [[nodiscard]] Time ready_at(Time now, std::uint64_t units) {
    refill(now);
    if (units <= units_) return now;
    if (per_second_ == 0 || units > burst_) return kNever;
    const std::uint64_t us = ((units - units_) * 1'000'000 + per_second_ - 1) / per_second_;
    return last_ + Duration(us);
  }

 private:
  void refill(Time now) {
    if (!started_) last_ = now, started_ = true;
    if (now <= last_) return;
    // A day fills any bucket that is of use; it keeps the product within 64 bits.
    const auto us =
        static_cast<std::uint64_t>(std::min(now - last_, Duration(std::chrono::hours(24))).count());
    __extension__ using Wide = unsigned __int128;
    const Wide units = Wide{us} * per_second_ / 1'000'000;
    if (units >= burst_ - units_) {
      units_ = burst_;
      last_ = now;
    } else if (units > 0) {
      units_ += static_cast<std::uint64_t>(units);
      // Only the time that made whole units is used up, so that slow rates lose nothing to rounding.
      last_ = last_ + Duration(static_cast<std::int64_t>(units * 1'000'000 / per_second_));
    }
  }

  std::uint64_t per_second_, burst_, units_;
  Time last_;
  bool started_ = false;
};

}  // namespace zswarm::bus
