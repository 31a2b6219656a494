#include "node/federation/trace_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace zswarm::node {

namespace {

using nlohmann::ordered_json;

double milliseconds(double seconds) {
  return std::round(seconds * 1e6) / 1e3;
}

ordered_json candidates_json(const TraceStep& step) {
  auto all = ordered_json::array();
  for (const TraceStep::Seen& seen : step.candidates) {
    all.push_back({{"node", seen.node.text()},
                   {"link_ms", milliseconds(seen.estimate.link_s)},
                   {"queue_ms", milliseconds(seen.estimate.queue_s)},
                   {"prefill_ms", milliseconds(seen.estimate.prefill_s)},
                   {"decode_ms", milliseconds(seen.estimate.decode_s)}});
  }
  return all;
}

}  // namespace

std::string trace_json(std::string_view request_id, const bus::NodeId& entry, const Trace& trace) {
  ordered_json out{{"request", request_id}, {"entry", entry.text()}};
  auto& steps = out["steps"] = ordered_json::array();
  const bus::Time opened = trace.steps.empty() ? bus::Time{} : trace.steps.front().at;
  for (const TraceStep& step : trace.steps) {
    const double at_s = static_cast<double>((step.at - opened).count()) * 1e-6;
    ordered_json one{{"at_ms", milliseconds(at_s)}, {"what", trace_step_name(step.what)}};
    if (step.node != bus::NodeId{}) one["node"] = step.node.text();
    one["token"] = step.token;
    if (!step.note.empty()) one["note"] = step.note;
    if (!step.candidates.empty()) one["candidates"] = candidates_json(step);
    steps.push_back(std::move(one));
  }
  if (trace.left_out > 0) out["left_out"] = trace.left_out;
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace zswarm::node
