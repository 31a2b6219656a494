// What a client is told when its request is refused: OpenAI's error object and the HTTP status that goes with
// it.
//
// Pure functions, any thread. `code` values are OpenAI's where it has one for the case, so that programs that
// switch on them work.
#pragma once

#include <string>
#include <string_view>

#include "kernels/base/error.h"

namespace zswarm::gateway {

struct [[nodiscard]] ApiError {
  int status = 400;
  std::string message{};  // one sentence for a person, no control characters
  std::string type = "invalid_request_error";
  std::string param{};    // field at fault ("messages[0].content"); empty: null
  std::string code{};     // empty: null
  int retry_after_s = 0;  // > 0: sent as Retry-After
  std::string allow{};    // sent as Allow with 405
};

template <class T>
using ApiResult = tl::expected<T, ApiError>;

[[nodiscard]] inline tl::unexpected<ApiError> refuse(ApiError error) {
  return tl::unexpected<ApiError>(std::move(error));
}

/// 400 with a param.
[[nodiscard]] ApiError bad_request(std::string message, std::string param, std::string code);

/// 400 for something that OpenAI's API has and this server does not.
[[nodiscard]] ApiError not_supported(std::string_view what, std::string param);

[[nodiscard]] ApiError model_not_found(std::string_view name);

/// For an error of the node. kUnavailable is 429 (queue full).
[[nodiscard]] ApiError from_node(const Error& error);

/// {"error": {message, type, param, code}} as JSON text.
[[nodiscard]] std::string error_body(const ApiError& error);

/// "Not Found" for 404; "Unknown" for a number that this server never sends.
[[nodiscard]] std::string_view status_phrase(int status);

}  // namespace zswarm::gateway
