// A short visit to a network, by token: joins as a node of its own with a new identity, looks, leaves.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "bus/keys/token.h"
#include "kernels/base/error.h"

namespace zswarm::tools {

/// What status_json() says once a neighbour has told all it knows. kUnavailable if nobody lets us in within
/// kVisitPatience; without contacts only the LAN is asked.
inline constexpr int kVisitPatienceS = 8;
[[nodiscard]] Result<nlohmann::json> visit(const bus::Token& token, std::vector<bus::Endpoint> contacts);

}  // namespace zswarm::tools
