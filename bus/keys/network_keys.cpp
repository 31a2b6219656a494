#include "bus/keys/network_keys.h"

#include <sodium.h>

#include <algorithm>

#include "bus/base/base32.h"

namespace zswarm::bus {
namespace {

constexpr char kContext[] = "zswarm-1";
static_assert(sizeof kContext == crypto_kdf_CONTEXTBYTES + 1);
static_assert(crypto_kdf_KEYBYTES == Secret<32>::size());

enum class SubKey : std::uint64_t { kNetworkId = 1, kJoinServer, kJoinClient, kBeacon, kMembership };

template <std::size_t N>
Secret<N> derived(const Secret<32>& secret, SubKey number) {
  Secret<N> key;
  crypto_kdf_derive_from_key(key.data(), N, static_cast<std::uint64_t>(number), kContext, secret.data());
  return key;
}

}  // namespace

std::string NetworkId::text() const {
  return base32_text(bytes);
}

NetworkKeys NetworkKeys::of(const Token& token) {
  ready_sodium();
  NetworkKeys keys;
  const auto id = derived<crypto_kdf_BYTES_MIN>(token.secret, SubKey::kNetworkId);
  std::copy_n(id.data(), keys.id.bytes.size(), keys.id.bytes.begin());
  keys.epoch = token.epoch;
  keys.operator_key = token.operator_key;
  keys.join_server = CurveKeyPair::from_seed(derived<32>(token.secret, SubKey::kJoinServer));
  keys.join_client = CurveKeyPair::from_seed(derived<32>(token.secret, SubKey::kJoinClient));
  keys.beacon_key = derived<32>(token.secret, SubKey::kBeacon);
  keys.membership_key = derived<32>(token.secret, SubKey::kMembership);
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
