// CURVE keys (Curve25519) of sockets, as CurveZMQ uses them: https://rfc.zeromq.org/spec/26/
//
// A node's CURVE key belongs to its signing key: both come from one seed, and anybody can compute the public
// CURVE key from the public signing key. So no member can claim another's CURVE key in a card of its own and
// be taken for it at a socket. (One key for Ed25519 and X25519 is safe: Thormarker, "On using the same key
// pair for Ed25519 and an X25519 based KEM", 2021.) Pure functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bus/base/bytes.h"
#include "bus/keys/secret.h"
#include "bus/keys/sign.h"

namespace zswarm::bus {

using CurvePublicKey = ByteArray<32>;

struct CurveKeyPair {
  CurvePublicKey public_key{};
  Secret<32> secret_key;

  /// crypto_box_seed_keypair: the secret key is the first half of the seed's SHA-512.
  [[nodiscard]] static CurveKeyPair from_seed(const Secret<32>& seed);
  [[nodiscard]] CurveKeyPair copy() const { return {public_key, secret_key.copy()}; }
};

/// The CURVE key that belongs to a signing key; nothing if the bytes are no good key (not on the curve, small
/// order).
[[nodiscard]] std::optional<CurvePublicKey> curve_key_of(const SignPublicKey& key);

/// 40 characters, as ZeroMQ writes keys: https://rfc.zeromq.org/spec/32/
[[nodiscard]] std::string z85_text(const CurvePublicKey& key);
[[nodiscard]] SecretText z85_text(const Secret<32>& key);
[[nodiscard]] std::optional<CurvePublicKey> z85_key(std::string_view text);

}  // namespace zswarm::bus
