// The trace of a request as JSON, for `zswarm trace` and /p2p.
#pragma once

#include <string>
#include <string_view>

#include "node/dispatch/trace.h"

namespace zswarm::node {

/// {"request", "entry", "steps": [{"at_ms", "what", "node", "token", "note", "candidates": [{"node",
/// "link_ms", "queue_ms", "prefill_ms", "decode_ms"}]}], "left_out"}. Times are from the opening; empty
/// fields are left out.
[[nodiscard]] std::string trace_json(std::string_view request_id, const bus::NodeId& entry,
                                     const Trace& trace);

}  // namespace zswarm::node
