// What a node tells others of itself beside its card: what it serves and what it has (in the ledger, under
// node/<id>/about, as a small JSON object), and how busy it is (as a hint: node/dispatch/hint.h).
//
//   about   {"models": [id…], "cores": n, "memory_bytes": n}
//   load    {"running": n, "waiting": n}, of all models together
//
// They come from others: what has another shape is left out.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "bus/base/bytes.h"
#include "bus/base/node_id.h"

namespace zswarm::tools {

[[nodiscard]] std::string about_key(const bus::NodeId& id);

/// Only the fields above, within limits; an empty object if there is nothing of the kind.
[[nodiscard]] nlohmann::ordered_json read_about(bus::ByteView text);
[[nodiscard]] nlohmann::ordered_json read_load(bus::ByteView bytes);

}  // namespace zswarm::tools
