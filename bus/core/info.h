// The service that every node offers, zswarm.info: who it is, for people, examples and tests. Any request;
// one event, a msgpack map (PROTOCOL.md, "Services of every node").
#pragma once

#include <cstdint>
#include <string_view>

#include "bus/base/bytes.h"
#include "bus/base/node_id.h"

namespace zswarm::bus {

inline constexpr std::string_view kInfoService = "zswarm.info";

struct NodeInfo {
  NodeId id;
  std::string_view name, version;
  std::uint64_t members = 0;  // that live as far as this node knows, itself included
  std::uint64_t uptime_s = 0;
};

[[nodiscard]] Bytes write_info(const NodeInfo& info);

}  // namespace zswarm::bus
