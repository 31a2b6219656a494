// The token of a network: what a person copies to let a machine in.
//
//   text      "zsw1" || base32(payload || checksum)           base/base32.h; capitals, spaces and line breaks
//   do
//                                                              not matter
//   payload   format u8 (1) || epoch u32 || secret [32] || operator's signing key [32] || flags u8
//             || expiry u64, seconds since 1970, if flags has bit 0
//             || number of endpoints u8 || for each: length u8, text          integers are big endian
//   checksum  the first 4 bytes of BLAKE2b-256("zsw1" || payload)
//
// The checksum tells a typo from another network's token: a random slip passes it once in 2^32 times. It is
// no protection against forgery; who makes a token makes a network. Messages hold nothing of the token's
// text. Any thread; a Token is move-only, since it holds the secret.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "bus/base/error.h"
#include "bus/base/time.h"
#include "bus/keys/endpoint.h"
#include "bus/keys/secret.h"
#include "bus/keys/sign.h"

namespace zswarm::bus {

inline constexpr std::size_t kMaxBootstrapEndpoints = 8;
/// Of a token's text without spaces; and of what is read to find one, with them.
inline constexpr std::size_t kMaxTokenBytes = 4096;
inline constexpr std::size_t kMaxTokenInputBytes = 16384;

struct Token {
  std::uint32_t epoch = 1;  // grows with each rotation of the secret
  Secret<32> secret;
  SignPublicKey operator_key{};
  std::optional<std::uint64_t> expires_s;  // seconds since 1970
  std::vector<Endpoint> bootstrap;

  /// At most kMaxBootstrapEndpoints endpoints, each as parse_endpoint() gives it.
  [[nodiscard]] SecretText text() const;
  [[nodiscard]] Token copy() const;
};

/// kMalformed: not a token, or a typo (the message says which). kUnsupported: of a newer format.
/// Expiry is not looked at: see check_expiry().
[[nodiscard]] Result<Token> parse_token(std::string_view text);

/// kRefused from the second of its expiry on.
[[nodiscard]] Status check_expiry(const Token& token, WallTime now);

/// "2031-05-04 10:30:00 UTC".
[[nodiscard]] std::string utc_text(std::uint64_t seconds);

}  // namespace zswarm::bus
