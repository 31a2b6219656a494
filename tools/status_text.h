// The status of a network as text for people: what zswarm status, nodes and top print.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace zswarm::tools {

/// This node, the network, its members as a table, views and traffic.
[[nodiscard]] std::string status_text(const nlohmann::json& status);
/// One line for each member: name, id, state, round trip, version, load, models, address.
[[nodiscard]] std::string members_text(const nlohmann::json& members);
/// "1.5 GiB".
[[nodiscard]] std::string bytes_text(double bytes);

}  // namespace zswarm::tools
