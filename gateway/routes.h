// The routing table: which method and path lead to which endpoint, and what it takes.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gateway/endpoints/endpoints.h"

namespace zswarm::gateway {

struct Route {
  std::string_view method;
  std::string_view pattern;  // a path; a trailing "{id}" matches one or more characters, slashes too
  EndpointResult (*endpoint)(Context&, Exchange&);
  bool needs_key = true;
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
