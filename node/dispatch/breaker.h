// Quarantine of a node that fails requests (the circuit breaker of Nygard, "Release It!", 2007).
//
//   closed ──3 failures in a row, or 5 of the last 20──▶ open ──its time is over──▶ half open: one probe
//     ▲                                                   ▲                             │
//     └────────────────────── success ────────────────────┼──────────────◀──────────────┤
//                                                         └── twice the time ◀─ failure ┘
// Open lasts 1 s at first, at most a minute, with up to a quarter of jitter. The probe is a real request,
// which can be repeated elsewhere without harm. Sans I/O, one thread.
#pragma once

#include <chrono>
#include <cstdint>

#include "bus/base/random.h"
#include "bus/base/time.h"
#include "kernels/base/error.h"

namespace zswarm::node {

/// Whether a node that ends a request so is at fault, or the request itself (or it is full, which is no
/// fault).
[[nodiscard]] bool is_nodes_fault(ErrorCode code);

class Breaker {
 public:
  enum class State : std::uint8_t { kClosed, kOpen, kHalfOpen };
  static constexpr int kRowMax = 3, kWindow = 20, kWindowMax = 5;
  static constexpr bus::Duration kOpenMin = std::chrono::seconds(1), kOpenMax = std::chrono::seconds(60);

  /// Whether a request may go to the node now.
  [[nodiscard]] bool admits(bus::Time now) const;
  /// One goes there; true if it is the probe. After that exactly one verdict is told, with what this
  /// returned.
  [[nodiscard]] bool on_start(bus::Time now);
  void on_success();
  void on_failure(bus::Time now, bool probe, bus::Random& random);
  /// It ended without telling anything of the node: cancelled, refused, stopped because another was faster.
  void on_neither(bool probe);

  [[nodiscard]] State state(bus::Time now) const;
  [[nodiscard]] bus::Time open_until() const { return until_; }

 private:
  void note(bool failed);
  void open(bus::Time now, bus::Random& random);

  bool open_ = false;
  bool probing_ = false;  // the probe is on its way
  bus::Time until_;
  bus::Duration open_for_ = kOpenMin;
  int row_ = 0;
  std::uint32_t window_ = 0;  // a bit for each of the last kWindow requests: 1 for a failure
};

}  // namespace zswarm::node
