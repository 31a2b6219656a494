// What is derived from a token: the network's id, and one key per purpose.
//
// The id is the first 8 bytes of BLAKE2b-256(operator's public key), shown as 13 characters of base32. It is
// public, and stays for as long as the network has its operator.
//
// The keys come from the token's secret by libsodium's KDF (crypto_kdf, keyed BLAKE2b). The secret itself is
// used for nothing else.
//
//   context "zswarm-1"
//   number  bytes  key
//   2       32     seed of the CURVE key pair of every member's join socket (crypto_box_seed_keypair)
//   3       32     seed of the CURVE key pair with which a newcomer speaks to a join socket
//   4       32     key that seals beacons on the LAN
//   5       32     key of the membership MAC on cards
//
// A new epoch has a new secret, so all keys change with it. Move-only; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "bus/base/bytes.h"
#include "bus/keys/curve.h"
#include "bus/keys/secret.h"
#include "bus/keys/sign.h"
#include "bus/keys/token.h"

namespace zswarm::bus {

/// From the operator's key, so that it stays over epochs: signatures in the ledger are bound to it.
struct NetworkId {
  ByteArray<8> bytes{};

  [[nodiscard]] static NetworkId of(const SignPublicKey& operator_key);
  [[nodiscard]] std::string text() const;
  friend auto operator<=>(const NetworkId&, const NetworkId&) = default;
};

struct NetworkKeys {
  NetworkId id;
  std::uint32_t epoch = 0;
  SignPublicKey operator_key{};
  CurveKeyPair join_server, join_client;
  Secret<32> beacon_key;
  Secret<32> membership_key;

  [[nodiscard]] static NetworkKeys of(const Token& token);
  [[nodiscard]] NetworkKeys copy() const;
};

}  // namespace zswarm::bus
