// Errors as values, for everything that can go wrong because of a peer, a person, a file or the network.
//
// A message is one sentence for a person; it holds no secret and no raw bytes from outside. This folder
// stands alone, so it has its own kind; node/ turns it into the program's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace zswarm::bus {

enum class ErrorCode : std::uint8_t {
  kMalformed,    // bytes that are not what they claim to be
  kRefused,      // well-formed, but the sender or caller has no right to it
  kUnsupported,  // another version of the protocol
  kTooLarge,     // over a stated limit
  kNotFound,     // no such node, key, service, chunk
  kBusy,         // a queue or quota is full: try again later
  kDeadline,     // took longer than allowed
  kCancelled,    // somebody asked to stop
  kUnreachable,  // the other side cannot be reached, or has gone
  kIo,           // the operating system refused
};

/// Stable lower-case name ("malformed"), for the wire, logs and JSON.
[[nodiscard]] std::string_view error_code_name(ErrorCode code);
/// The code of that name; kRefused for a name that this version does not know.
[[nodiscard]] ErrorCode error_code_of(std::string_view name);

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kMalformed;
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = tl::expected<void, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace zswarm::bus

/// For bugs of our own only: never on anything that a peer, client or file can cause.
#define ZS_BUS_ASSERT(expression) \
  ((expression) ? static_cast<void>(0) : ::zswarm::bus::assertion_failed(#expression, __FILE__, __LINE__))
