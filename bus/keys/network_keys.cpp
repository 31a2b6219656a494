#include "bus/keys/network_keys.h"

#include <sodium.h>

#include <algorithm>

#include "bus/base/base32.h"

namespace zswarm::bus {
namespace {

constexpr char kContext[] = "zswarm-1";
static_assert(sizeof kContext == crypto_kdf_CONTEXTBYTES + 1);
static_assert(crypto_kdf_KEYBYTES == Secret<32>::size());

enum class SubKey : std::uint64_t { kJoinServer = 2, kJoinClient, kBeacon, kMembership };

Secret<32> derived(const Secret<32>& secret, SubKey number) {
  Secret<32> key;
  crypto_kdf_derive_from_key(key.data(), key.size(), static_cast<std::uint64_t>(number), kContext,
                             secret.data());
  return key;
}

}  // namespace

NetworkId NetworkId::of(const SignPublicKey& operator_key) {
  const Hash hash = hash_of(operator_key);
  NetworkId id;
  std::copy_n(hash.begin(), id.bytes.size(), id.bytes.begin());
  return id;
}

std::string NetworkId::text() const {
  return base32_text(bytes);
}

NetworkKeys NetworkKeys::of(const Token& token) {
  ready_sodium();
  NetworkKeys keys;
  keys.id = NetworkId::of(token.operator_key);
  keys.epoch = token.epoch;
  keys.operator_key = token.operator_key;
  keys.join_server = CurveKeyPair::from_seed(derived(token.secret, SubKey::kJoinServer));
  keys.join_client = CurveKeyPair::from_seed(derived(token.secret, SubKey::kJoinClient));
  keys.beacon_key = derived(token.secret, SubKey::kBeacon);
  keys.membership_key = derived(token.secret, SubKey::kMembership);
  return keys;
}

NetworkKeys NetworkKeys::copy() const {
  return {id,
          epoch,
          operator_key,
          join_server.copy(),
          join_client.copy(),
          beacon_key.copy(),
          membership_key.copy()};
}

}  // namespace zswarm::bus
