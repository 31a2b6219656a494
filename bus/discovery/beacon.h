// Beacons: what a node calls out on its LAN, sealed so that a stranger learns nothing from it, not even which
// network it belongs to.
//
//   datagram   nonce [24] || XChaCha20-Poly1305 of plain, under the epoch's beacon key, purpose "zswarm
//   beacon" as
//              additional data; always kBeaconBytes long
//   plain      length u16 BE || body [length] || zeros
//   body       msgpack [major, minor, time, node id bin 16, instance, flags, join port, [endpoint…]]
//
// The nonce is random, so all of the datagram looks random and no two are alike. (XChaCha20's nonces are long
// enough to be drawn at random: Arciszewski, draft-irtf-cfrg-xchacha-03, section 2.)
//
// `time` is the sender's wall clock in milliseconds, made to grow strictly within one instance: a receiver
// passes over what is not newer than the last beacon of that instance, which is all that is asked of it.
// PROTOCOL.md, "Discovery", says why a replayed beacon does no harm. Pure functions but for the nonce; any
// thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bus/base/bytes.h"
#include "bus/base/error.h"
#include "bus/base/node_id.h"
#include "bus/base/time.h"
#include "bus/keys/endpoint.h"
#include "bus/keys/secret.h"
#include "bus/wire/message.h"

namespace zswarm::bus {

inline constexpr std::size_t kBeaconBytes = 256;
inline constexpr std::size_t kBeaconNonceBytes = 24;
inline constexpr std::size_t kBeaconPlainBytes = kBeaconBytes - kBeaconNonceBytes - 16;
inline constexpr std::size_t kBeaconBodyBytes = kBeaconPlainBytes - 2;
inline constexpr std::size_t kBeaconEndpoints = 4;
/// Of `time`: as many bits as a stamp of the ledger has for milliseconds.
inline constexpr std::int64_t kBeaconTimeMaxMs = (std::int64_t{1} << 48) - 1;

using BeaconBytes = ByteArray<kBeaconBytes>;
using BeaconNonce = ByteArray<kBeaconNonceBytes>;

struct Beacon {
  std::uint8_t major = kMajorVersion, minor = kMinorVersion;
  WallTime time;
  NodeId node;
  std::uint64_t instance = 0;
  bool seeking = false;  // has no neighbour: whoever hears it should answer
  std::uint16_t port =
      0;  // of the join socket at the address that the datagram comes from; 0: only `endpoints`
  std::vector<Endpoint> endpoints;  // further ones of the join socket

  friend bool operator==(const Beacon&, const Beacon&) = default;
};

/// Endpoints that find no place are left out, the last ones first.
[[nodiscard]] BeaconBytes seal_beacon(const Beacon& beacon, const Secret<32>& key);
[[nodiscard]] BeaconBytes seal_beacon(const Beacon& beacon, const Secret<32>& key, const BeaconNonce& nonce);

/// The beacon, under the first of the keys that opens it. kMalformed: of another length, or a body that is
/// none; kRefused: sealed with none of the keys, or changed on the way; kUnsupported: of another major
/// version.
[[nodiscard]] Result<Beacon> open_beacon(ByteView datagram, std::span<const Secret<32>> keys);

/// What is sealed, for tests: the body alone.
[[nodiscard]] Bytes beacon_body(const Beacon& beacon);
[[nodiscard]] Result<Beacon> read_beacon_body(ByteView body);
[[nodiscard]] BeaconBytes seal_beacon_body(ByteView body, const Secret<32>& key, const BeaconNonce& nonce);

}  // namespace zswarm::bus
