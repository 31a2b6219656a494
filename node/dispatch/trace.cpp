#include "node/dispatch/trace.h"

#include <array>
#include <string_view>
#include <utility>

namespace zswarm::node {

std::string_view trace_step_name(TraceStep::What what) {
  constexpr std::array<std::string_view, 8> kNames{"opened", "queued",      "waits", "chosen",
                                                   "hedged", "first token", "lost",  "ended"};
  return kNames[static_cast<std::size_t>(what)];
}

void Trace::add(TraceStep step) {
  if (steps.size() == kSteps) {
    steps.erase(steps.begin() + kSteps / 2);
    left_out += 1;
  }
  steps.push_back(std::move(step));
}

void TraceRing::add(Trace trace) {
  if (capacity_ == 0) return;
  if (traces_.size() == capacity_) traces_.pop_front();
  traces_.push_back(std::move(trace));
}

const Trace* TraceRing::find(StreamId stream) const {
  for (auto at = traces_.rbegin(); at != traces_.rend(); ++at)
    if (at->stream == stream) return &*at;
  return nullptr;
}

}  // namespace zswarm::node
