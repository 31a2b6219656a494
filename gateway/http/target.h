// The request target of an HTTP request line (RFC 9112, section 3.2) taken apart. Pure, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace zswarm::gateway {

struct Target {
  std::string path;   // percent-decoded
  std::string query;  // as sent, without '?'
};

/// origin-form ("/v1/models?x") and absolute-form ("http://host/v1/models"). Nothing for other forms, for
/// broken percent escapes, and for a path with a NUL.
[[nodiscard]] std::optional<Target> parse_target(std::string_view text);

/// True for "localhost", 127.0.0.0/8 and [::1], with or without a port.
[[nodiscard]] bool is_loopback_host(std::string_view host_and_port);

/// Host and port of an Origin header ("http://host:port"); empty if there is none in it.
[[nodiscard]] std::string_view origin_host(std::string_view origin);

}  // namespace zswarm::gateway
