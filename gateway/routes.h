// The routing table: which method and path lead to which endpoint, and what it takes.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gateway/endpoints/endpoints.h"

namespace zswarm::gateway {

/// Who may call: kAdmin is an admin key, or a program on this machine that passes as kKey does.
enum class Access { kAnybody, kKey, kAdmin };

struct Route {
  std::string_view method;
  std::string_view pattern;  // a path; a trailing "{id}" matches one or more characters, slashes too
  EndpointResult (*endpoint)(Context&, Exchange&);
  Access access = Access::kKey;
  [[nodiscard]] bool needs_key() const { return access != Access::kAnybody; }
};

struct RouteMatch {
  const Route* route = nullptr;  // null: see `error`
  std::string rest;              // what "{id}" matched
  ApiError error;                // 404, or 405 with Allow
};

[[nodiscard]] std::span<const Route> routes();

/// HEAD goes where GET goes.
[[nodiscard]] RouteMatch find_route(std::string_view method, std::string_view path);

}  // namespace zswarm::gateway
