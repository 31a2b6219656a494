#include "bus/keys/sign.h"

#include <sodium.h>

#include <algorithm>

#include "bus/base/error.h"

namespace zswarm::bus {
namespace {

Bytes with_purpose(std::string_view purpose, ByteView bytes) {
  ZS_BUS_ASSERT(!purpose.empty() && purpose.size() < 256);
  Bytes all;
  all.reserve(1 + purpose.size() + bytes.size());
  all.push_back(static_cast<std::uint8_t>(purpose.size()));
  all.insert(all.end(), purpose.begin(), purpose.end());
  all.insert(all.end(), bytes.begin(), bytes.end());
  return all;
}

}  // namespace

SignKeyPair SignKeyPair::from_seed(const Secret<32>& seed) {
  ready_sodium();
  SignKeyPair keys;
  crypto_sign_seed_keypair(keys.public_key.data(), keys.secret_key.data(), seed.data());
  return keys;
}

Signature sign(const SignKeyPair& keys, std::string_view purpose, ByteView bytes) {
  ready_sodium();
  const Bytes all = with_purpose(purpose, bytes);
  Signature signature;
  crypto_sign_detached(signature.data(), nullptr, all.data(), all.size(), keys.secret_key.data());
  return signature;
}

bool signature_fits(const SignPublicKey& key, std::string_view purpose, ByteView bytes,
                    const Signature& signature) {
  ready_sodium();
  const Bytes all = with_purpose(purpose, bytes);
  return crypto_sign_verify_detached(signature.data(), all.data(), all.size(), key.data()) == 0;
}

Hash hash_of(ByteView bytes) {
  ready_sodium();
  Hash hash;
  crypto_generichash(hash.data(), hash.size(), bytes.data(), bytes.size(), nullptr, 0);
  return hash;
}

Hash mac_of(const Secret<32>& key, std::string_view purpose, ByteView bytes) {
  ready_sodium();
  const Bytes all = with_purpose(purpose, bytes);
  Hash mac;
  crypto_generichash(mac.data(), mac.size(), all.data(), all.size(), key.data(), Secret<32>::size());
  return mac;
}

NodeId node_id_of(const SignPublicKey& key) {
  const Hash hash = hash_of(key);
  NodeId id;
  std::copy_n(hash.begin(), id.bytes.size(), id.bytes.begin());
  return id;
}

}  // namespace zswarm::bus
