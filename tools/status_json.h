// A node's view of its network as the JSON that scripts read (zswarm status, nodes).
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "bus/core/core.h"
#include "bus/zmq/status.h"

namespace zswarm::tools {

struct NetworkView {
  bus::BusStatus status;
  std::map<bus::NodeId, bus::Bytes> about, load;  // as they came: see about.h
};

/// On the bus thread.
[[nodiscard]] NetworkView view_of(bus::BusStatus status, const bus::Core& core);

/// Everything: `node`, `network`, `members` (this node among them), `views`, `traffic`.
[[nodiscard]] nlohmann::ordered_json status_json(const NetworkView& view);

/// The endpoints of a card by the sockets' names.
[[nodiscard]] nlohmann::ordered_json sockets_json(const bus::Card& card);

/// Ids and names of all members and admitted clients. On the bus thread.
[[nodiscard]] std::vector<std::pair<bus::NodeId, std::string>> known_ids(const bus::Core& core);

}  // namespace zswarm::tools
