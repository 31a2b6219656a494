// The settings of a node that takes part in a network, and how their texts are read. See settings.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bus/keys/card.h"
#include "kernels/base/error.h"

namespace zswarm::tools {

/// Addresses of a node's sockets: one host for all, or some of them by name. Port 0: a free one, or the one
/// that was bound.
struct SocketAddresses {
  std::string host;                                                  // empty: not given
  std::array<std::optional<bus::Endpoint>, bus::kSocketCount> each;  // these win over `host`
};

/// "HOST", "HOST:PORT" (the join socket's; the others take free ports), or "join=HOST:PORT,gossip=…". An IPv6
/// address stands in brackets.
[[nodiscard]] Result<SocketAddresses> parse_socket_addresses(std::string_view text);

/// What concerns the network; its token is an option of its own, since it is a secret (token_option.h).
struct NetworkSettings {
  bool p2p = false;
  SocketAddresses listen, announce;
  std::vector<bus::Endpoint> bootstrap;
  bool no_lan = false, no_wan = false;
  std::string name;                                         // for people; empty: the machine's
  std::vector<std::pair<std::string, std::string>> labels;  // each key once
  std::uint32_t max_peers = 0;                              // 0: the bus' default
  std::string data;                                         // folder; empty: data_path()
  std::string bus_log_level = "info";
};

/// Comma-separated "HOST:PORT"s, in place of what was set before.
[[nodiscard]] Status set_bootstrap(NetworkSettings& settings, std::string_view text);
/// Comma-separated "KEY=VALUE"s, in place of what was set before.
[[nodiscard]] Status set_labels(NetworkSettings& settings, std::string_view text);
/// A node's name: plain text of at most bus::kMaxNameBytes.
[[nodiscard]] Status set_name(NetworkSettings& settings, std::string_view text);

}  // namespace zswarm::tools
