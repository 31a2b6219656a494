// The way of one request, step by step, for `zswarm trace`: where it went and why, what it waited for, what
// failed.
//
// Bounded: kSteps a request (the first and the latest), and the latest requests that have ended.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "bus/base/node_id.h"
#include "bus/base/time.h"
#include "node/dispatch/choice.h"

namespace zswarm::node {

using StreamId = std::uint64_t;  // of one request at this entry

struct TraceStep {
  enum class What : std::uint8_t { kOpened, kQueued, kWaits, kChosen, kHedged, kFirstToken, kLost, kEnded };
  What what = What::kOpened;
  bus::Time at;
  bus::NodeId node;         // if one is concerned
  std::uint32_t token = 0;  // number of the next token of the answer
  std::string note;
  struct Seen {
    bus::NodeId node;
    Estimate estimate;
  };
  std::vector<Seen> candidates;  // of a choice: the one taken, then the best of the others
};
[[nodiscard]] std::string_view trace_step_name(TraceStep::What what);

struct Trace {
  static constexpr std::size_t kSteps = 64, kSeen = 5;
  StreamId stream = 0;
  std::vector<TraceStep> steps;
  std::uint32_t left_out = 0;  // from the middle

  void add(TraceStep step);
};

class TraceRing {
 public:
  explicit TraceRing(std::size_t capacity) : capacity_(capacity) {}
  void add(Trace trace);
  /// Valid until the next add().
  [[nodiscard]] const Trace* find(StreamId stream) const;

 private:
  std::size_t capacity_;
  std::deque<Trace> traces_;
};

}  // namespace zswarm::node
