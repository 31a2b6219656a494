#include "gateway/error.h"

#include <fmt/format.h>

#include "gateway/json/json.h"
#include "kernels/base/utf8.h"

namespace zswarm::gateway {

ApiError bad_request(std::string message, std::string param, std::string code) {
  return {.status = 400, .message = std::move(message), .param = std::move(param), .code = std::move(code)};
}

ApiError not_supported(std::string_view what, std::string param) {
  return bad_request(fmt::format("{} is not supported by this server.", what), std::move(param),
                     "not_supported");
}

ApiError model_not_found(std::string_view name) {
  return {.status = 404,
          .message = fmt::format("The model '{}' does not exist here. GET /v1/models lists those that do.",
                                 printable(name)),
          .param = "model",
          .code = "model_not_found"};
}

ApiError from_node(const Error& error) {
  ApiError out{.status = 400, .message = error.message, .param = error.param};
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
      out.code = "invalid_value";
      break;
    case ErrorCode::kUnsupported:
      out.code = "not_supported";
      break;
    case ErrorCode::kTooLarge:
      out.code = "too_large";
      break;
    case ErrorCode::kContextLength:
      out.code = "context_length_exceeded";
      break;
    case ErrorCode::kNotFound:
      out.status = 404;
      out.code = "model_not_found";
      break;
    case ErrorCode::kUnavailable:
      out.status = 429;
      out.type = "rate_limit_error";
      out.code = "queue_full";
      out.retry_after_s = 1;
      break;
    case ErrorCode::kOutOfMemory:
    case ErrorCode::kDeadline:
    case ErrorCode::kCancelled:
      out.status = 503;
      out.type = "server_error";
      out.code = std::string(error_code_name(error.code));
      out.retry_after_s = 1;
      break;
    case ErrorCode::kCorrupt:
    case ErrorCode::kIo:
    case ErrorCode::kInternal:
      out.status = 500;
      out.type = "server_error";
      out.code = std::string(error_code_name(error.code));
      break;
  }
  return out;
}

std::string error_body(const ApiError& error) {
  Json body;
  Json& inner = body["error"];
  inner["message"] = error.message;
  inner["type"] = error.type;
  inner["param"] = error.param.empty() ? Json() : Json(error.param);
  inner["code"] = error.code.empty() ? Json() : Json(error.code);
  return to_text(body);
}

std::string_view status_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Supported";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

}  // namespace zswarm::gateway
