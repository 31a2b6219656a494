// What other commands on this machine may ask of a node that runs: zswarm status, nodes, top, revoke, token
// rotate, token client, trace. Requests are {"do": name, …} through local_socket.h.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "node/federation/federation.h"
#include "node/network/network.h"
#include "tools/local_socket.h"

namespace zswarm::tools {

/// The network outlives the handler.
/// `federation` may be null.
[[nodiscard]] LocalServer::Handler local_commands(node::Network& network, node::Federation* federation);

/// The one node of `known` (id and name) that a person means: by its name, its id, or the beginning of its id
/// of at least four characters. kNotFound, or kInvalidArgument if several fit.
[[nodiscard]] Result<bus::NodeId> meant_node(std::string_view text,
                                             const std::vector<std::pair<bus::NodeId, std::string>>& known);

}  // namespace zswarm::tools
