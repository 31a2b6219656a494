// When is the silence of one try a stall?
//
// While an answer is decoded the bound is learned from its own pace, as RFC 6298 does it for round trips:
// smoothed mean and deviation of the gaps between deltas, bound = mean + 8 deviations (a quarter of the mean
// at least: a clockwork is never that exact), 250 ms to 30 s. Before the first token it is what was expected
// of the node. A beat that shows progress of the engine starts the bound anew, but not for ever: a node that
// only says that it works is given up in the end (kPatience).
//
// Sans I/O: time is an argument. One thread, one object per try.
#pragma once

#include <chrono>
#include <cstdint>

#include "bus/base/time.h"
#include "node/dispatch/progress.h"

namespace zswarm::node {

class Pace {
 public:
  static constexpr bus::Duration kGapMin = std::chrono::milliseconds(250), kGapMax = std::chrono::seconds(30);
  static constexpr bus::Duration kFirstMin = std::chrono::seconds(1);
  /// Without a token, whatever beats say; before the first one at least kPatienceFactor times what was
  /// expected.
  static constexpr bus::Duration kPatience = std::chrono::seconds(60);
  static constexpr int kPatienceFactor = 8;

  /// `first_bound`: how long the first token may take, with what is usual beyond the expected; `gap`: between
  /// tokens, expected of this node.
  Pace(bus::Time now, bus::Duration first_bound, bus::Duration gap);

  void on_tokens(bus::Time now);
  void on_beat(bus::Time now, const Progress& progress);
  /// Silence is nobody's fault meanwhile: the client does not read, so the node may not send.
  void pause();
  void resume(bus::Time now);
  /// This process did not run for a while: what was late until now is forgiven.
  void excuse(bus::Time now);

  /// kNever while paused.
  [[nodiscard]] bus::Time stalls_at() const;
  /// The present bound of silence.
  [[nodiscard]] bus::Duration bound() const;
  [[nodiscard]] Progress::Phase phase() const { return progress_.phase; }

 private:
  bus::Time heard_;       // the last sign of progress
  bus::Time last_token_;  // or the start
  bus::Duration first_bound_;
  double mean_us_, deviation_us_;  // of gaps
  std::uint32_t tokens_seen_ = 0;  // deltas
  Progress progress_;
  bool any_beat_ = false, paused_ = false;
};

}  // namespace zswarm::node
