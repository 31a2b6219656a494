// Errors as values, for everything that can go wrong because of a file, a person or a peer.
//
// A message is one sentence for a person: what is wrong, with the name of the file or field, and what to do
// about it. It never carries control characters from outside (see printable()). Bugs of our own are not
// errors: they end in ZS_ASSERT.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace zswarm {

enum class ErrorCode {
  kInvalidArgument,  // the caller's value is out of range or of the wrong kind
  kNotFound,         // no such file, model, request
  kUnsupported,      // well-formed, but this build does not know it
  kCorrupt,          // bytes that are not what they claim to be
  kTooLarge,         // over a stated limit
  kContextLength,    // prompt and answer do not fit the model's context
  kOutOfMemory,      // the memory limit set by the user, or the machine's
  kUnavailable,      // full, draining or not ready: try again later
  kDeadline,         // took longer than allowed
  kCancelled,        // the client left or asked to stop
  kIo,               // the operating system refused
  kInternal,         // a bug here, reported instead of hidden
};

/// Stable lower-case name ("invalid_argument") for logs and JSON.
[[nodiscard]] std::string_view error_code_name(ErrorCode code);

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string param;  // the request field at fault ("messages[0].content"), empty if none
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = tl::expected<void, Error>;

/// Makes the unexpected half of a Result: `return fail(ErrorCode::kCorrupt, fmt::format(...));`
[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message, std::string param = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(param)});
}

/// Passes on an error of another Result.
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

/// `text` fit for a message: control characters and broken UTF-8 become \xNN, at most max_bytes are shown.
[[nodiscard]] std::string printable(std::string_view text, std::size_t max_bytes = 80);

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace zswarm

/// For bugs of our own only: never on anything that a file, client or peer can cause.
#define ZS_ASSERT(expression) \
  ((expression) ? static_cast<void>(0) : ::zswarm::assertion_failed(#expression, __FILE__, __LINE__))
