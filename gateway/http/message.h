// A request and a response as the endpoints see them: no sockets, no parser types.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/error.h"

namespace zswarm::gateway {

struct Request {
  std::string method;
  std::string path;           // percent-decoded, without the query
  std::string query;          // as sent; may hold secrets: never logged
  std::string authorization;  // the header's value
  std::string origin;         // a browser's page, empty otherwise
  std::string body;
  std::string path_rest;   // what the route's trailing {…} matched
  std::string id;          // of this request, as the answer's x-request-id tells it
  bool from_here = false;  // over loopback, and no proxy says that it passes on somebody else's
};

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;  // names and values of our own making
};

[[nodiscard]] Response json_response(std::string body);
[[nodiscard]] Response error_response(const ApiError& error);

enum class Framing { kLength, kChunked, kUntilClose };

/// Status line and header fields, with the empty line. `length` counts only with kLength.
[[nodiscard]] std::string response_head(const Response& response, Framing framing, std::size_t length,
                                        bool keep_alive, std::string_view request_id);

/// One chunk of a chunked body (RFC 9112, section 7.1). `data` must not be empty: that would end the body.
[[nodiscard]] std::string chunk(std::string_view data);

/// One server-sent event. `data` is one line.
[[nodiscard]] std::string event(std::string_view data);

}  // namespace zswarm::gateway
