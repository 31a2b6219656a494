// What is derived from a token's secret: one key per purpose, by libsodium's KDF (crypto_kdf, keyed BLAKE2b).
// The secret itself is used for nothing else and never sent.
//
//   context "zswarm-1"
//   number  bytes  key
//   1       16     the first 8 are the network's id; public, shown as 13 characters of base32
//   2       32     seed of the CURVE key pair of every member's join socket (crypto_box_seed_keypair)
//   3       32     seed of the CURVE key pair with which a newcomer speaks to a join socket
//   4       32     key that seals beacons on the LAN
//   5       32     key of the membership MAC on cards
//
// A new epoch has a new secret, so all of them change with it. Move-only; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "bus/base/bytes.h"
#include "bus/keys/curve.h"
#include "bus/keys/secret.h"
#include "bus/keys/sign.h"
#include "bus/keys/token.h"

namespace zswarm::bus {

struct NetworkId {
  ByteArray<8> bytes{};

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
