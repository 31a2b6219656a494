#include "gateway/routes.h"

#include <fmt/format.h>

namespace zswarm::gateway {
namespace {

constexpr Route kRoutes[] = {
    {"POST", "/v1/chat/completions", chat_completions},
    {"POST", "/v1/completions", completions},
    {"POST", "/v1/embeddings", embeddings},
    {"GET", "/v1/models", list_models},
    {"GET", "/v1/models/{id}", show_model},
    {"POST", "/tokenize", tokenize},
    {"POST", "/detokenize", detokenize},
    {"POST", "/apply-template", apply_template},
    {"GET", "/health", health, Access::kAnybody},
    {"GET", "/metrics", metrics},
    {"GET", "/p2p/models", network_models},
    {"GET", "/p2p/nodes", network_nodes, Access::kAdmin},
    {"GET", "/p2p/token", network_token, Access::kAdmin},
    {"GET", "/p2p/trace/{id}", network_trace, Access::kAdmin},
};

// What "{id}" matches, "" for a pattern without; nothing if the path does not fit.
std::optional<std::string> match(std::string_view pattern, std::string_view path) {
  const auto brace = pattern.find('{');
  if (brace == std::string_view::npos) return pattern == path ? std::optional<std::string>("") : std::nullopt;
  const std::string_view prefix = pattern.substr(0, brace);
  if (path.size() <= prefix.size() || !path.starts_with(prefix)) return std::nullopt;
  return std::string(path.substr(prefix.size()));
}

}  // namespace

std::span<const Route> routes() {
  return kRoutes;
}

RouteMatch find_route(std::string_view method, std::string_view path) {
  std::string allow;
  for (const Route& route : kRoutes) {
    auto rest = match(route.pattern, path);
    if (!rest) continue;
    if (route.method == method || (route.method == "GET" && method == "HEAD"))
      return {&route, std::move(*rest), {}};
    allow += allow.empty() ? "" : ", ";
    allow += route.method == "GET" ? "GET, HEAD" : route.method;
  }
  RouteMatch out;
  if (allow.empty()) {
    out.error = {.status = 404,
                 .message = fmt::format("Unknown path: {} {}.", printable(method, 16), printable(path)),
                 .code = "unknown_url"};
  } else {
    out.error = {.status = 405,
                 .message = fmt::format("Method {} is not allowed for {}; allowed: {}.",
                                        printable(method, 16), printable(path), allow),
                 .code = "method_not_allowed",
                 .allow = allow};
  }
  return out;
}

}  // namespace zswarm::gateway
