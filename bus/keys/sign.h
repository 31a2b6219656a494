// Signatures (Ed25519, RFC 8032) and hashes (BLAKE2b, RFC 7693).
//
// Whatever is signed or hashed with a key begins with the name of its purpose, so that bytes made for one
// purpose never stand for another: signed is  length of the purpose (one byte) || purpose || bytes.  Purposes
// are listed in PROTOCOL.md. Pure functions; any thread.
#pragma once

#include <string_view>

#include "bus/base/bytes.h"
#include "bus/base/node_id.h"
#include "bus/keys/secret.h"

namespace zswarm::bus {

using SignPublicKey = ByteArray<32>;
using Signature = ByteArray<64>;
using Hash = ByteArray<32>;

struct SignKeyPair {
  SignPublicKey public_key{};
  Secret<64> secret_key;  // libsodium's form: the seed, then the public key

  [[nodiscard]] static SignKeyPair from_seed(const Secret<32>& seed);
};

[[nodiscard]] Signature sign(const SignKeyPair& keys, std::string_view purpose, ByteView bytes);

/// False for a signature or a key of any bytes that do not fit, keys of small order included.
[[nodiscard]] bool signature_fits(const SignPublicKey& key, std::string_view purpose, ByteView bytes,
                                  const Signature& signature);

/// BLAKE2b with 32 bytes.
[[nodiscard]] Hash hash_of(ByteView bytes);
/// The same, keyed: a message authentication code. Compare with equal_in_constant_time().
[[nodiscard]] Hash mac_of(const Secret<32>& key, std::string_view purpose, ByteView bytes);

/// The first 16 bytes of hash_of(key).
[[nodiscard]] NodeId node_id_of(const SignPublicKey& key);

}  // namespace zswarm::bus
