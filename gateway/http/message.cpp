#include "gateway/http/message.h"

#include <fmt/format.h>

namespace zswarm::gateway {

Response json_response(std::string body) {
  Response response;
  response.body = std::move(body);
  return response;
}

Response error_response(const ApiError& error) {
  Response response;
  response.status = error.status;
  response.body = error_body(error);
  if (error.retry_after_s > 0)
    response.headers.emplace_back("Retry-After", std::to_string(error.retry_after_s));
  if (!error.allow.empty()) response.headers.emplace_back("Allow", error.allow);
  if (error.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

std::string response_head(const Response& response, Framing framing, std::size_t length, bool keep_alive,
                          std::string_view request_id) {
  std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\nServer: zswarm\r\nContent-Type: {}\r\nX-Content-Type-Options: nosniff\r\n",
      response.status, status_phrase(response.status), response.content_type);
  if (!request_id.empty()) head += fmt::format("x-request-id: {}\r\n", request_id);
  for (const auto& [name, value] : response.headers) head += fmt::format("{}: {}\r\n", name, value);
  if (framing == Framing::kLength) head += fmt::format("Content-Length: {}\r\n", length);
  if (framing == Framing::kChunked) head += "Transfer-Encoding: chunked\r\n";
  head += keep_alive && framing != Framing::kUntilClose ? "Connection: keep-alive\r\n\r\n"
                                                        : "Connection: close\r\n\r\n";
  return head;
}

std::string chunk(std::string_view data) {
  return fmt::format("{:x}\r\n{}\r\n", data.size(), data);
}

std::string event(std::string_view data) {
  return fmt::format("data: {}\n\n", data);
}

}  // namespace zswarm::gateway
