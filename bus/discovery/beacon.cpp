#include "bus/discovery/beacon.h"

#include <sodium.h>

#include <algorithm>
#include <string>

#include "bus/wire/pack.h"

namespace zswarm::bus {
namespace {

constexpr std::string_view kPurpose = "zswarm beacon";
constexpr std::uint32_t kElements = 8;
constexpr std::uint64_t kSeeking = 1;  // flags
constexpr PackLimits kPackLimits{.elements = 32, .depth = 3, .bytes = kBeaconBodyBytes};

static_assert(kBeaconNonceBytes == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
static_assert(kBeaconBytes - kBeaconPlainBytes - kBeaconNonceBytes ==
              crypto_aead_xchacha20poly1305_ietf_ABYTES);
static_assert(Secret<32>::size() == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);

using Plain = ByteArray<kBeaconPlainBytes>;

tl::unexpected<Error> malformed() {
  return fail(ErrorCode::kMalformed, "a beacon is malformed.");
}

Bytes packed(const Beacon& beacon, std::size_t endpoints) {
  Writer writer(kElements);
  writer.uint(beacon.major).uint(beacon.minor).uint(static_cast<std::uint64_t>(beacon.time.ms));
  writer.id(beacon.node).uint(beacon.instance).uint(beacon.seeking ? kSeeking : 0).uint(beacon.port);
  writer.array(static_cast<std::uint32_t>(endpoints));
  for (std::size_t i = 0; i < endpoints; ++i) writer.text(beacon.endpoints[i].text());
  return writer.take();
}

/// The plain bytes, if this key sealed the datagram.
bool opens(ByteView datagram, const Secret<32>& key, Plain& plain) {
  const ByteView nonce = datagram.first(kBeaconNonceBytes), sealed = datagram.subspan(kBeaconNonceBytes);
  return crypto_aead_xchacha20poly1305_ietf_decrypt(plain.data(), nullptr, nullptr, sealed.data(),
                                                    sealed.size(),
                                                    reinterpret_cast<const unsigned char*>(kPurpose.data()),
                                                    kPurpose.size(), nonce.data(), key.data()) == 0;
}

}  // namespace

Bytes beacon_body(const Beacon& beacon) {
  ZS_BUS_ASSERT(beacon.time.ms >= 0 && beacon.time.ms <= kBeaconTimeMaxMs);
  std::size_t endpoints = std::min(beacon.endpoints.size(), kBeaconEndpoints);
  Bytes body = packed(beacon, endpoints);
  while (body.size() > kBeaconBodyBytes && endpoints > 0) body = packed(beacon, --endpoints);
  return body;
}

BeaconBytes seal_beacon_body(ByteView body, const Secret<32>& key, const BeaconNonce& nonce) {
  ZS_BUS_ASSERT(body.size() <= kBeaconBodyBytes);
  ready_sodium();
  Plain plain{};
  plain[0] = static_cast<std::uint8_t>(body.size() >> 8);
  plain[1] = static_cast<std::uint8_t>(body.size());
  std::copy(body.begin(), body.end(), plain.begin() + 2);
  BeaconBytes datagram;
  std::copy(nonce.begin(), nonce.end(), datagram.begin());
  crypto_aead_xchacha20poly1305_ietf_encrypt(datagram.data() + kBeaconNonceBytes, nullptr, plain.data(),
                                             plain.size(),
                                             reinterpret_cast<const unsigned char*>(kPurpose.data()),
                                             kPurpose.size(), nullptr, nonce.data(), key.data());
  return datagram;
}

BeaconBytes seal_beacon(const Beacon& beacon, const Secret<32>& key, const BeaconNonce& nonce) {
  return seal_beacon_body(beacon_body(beacon), key, nonce);
}

BeaconBytes seal_beacon(const Beacon& beacon, const Secret<32>& key) {
  BeaconNonce nonce;
  fill_random(nonce);
  return seal_beacon(beacon, key, nonce);
}

Result<Beacon> read_beacon_body(ByteView body) {
  Reader reader = Reader::of_bytes(body, kPackLimits);
  Beacon beacon;
  beacon.major = static_cast<std::uint8_t>(reader.uint(255));
  if (reader.ok() && beacon.major != kMajorVersion) {
    return fail(ErrorCode::kUnsupported, "a node on this LAN speaks version " + std::to_string(beacon.major) +
                                             " of the protocol, this node version " +
                                             std::to_string(kMajorVersion) + ".");
  }
  beacon.minor = static_cast<std::uint8_t>(reader.uint(255));
  beacon.time.ms = static_cast<std::int64_t>(reader.uint(kBeaconTimeMaxMs));
  beacon.node = reader.id();
  beacon.instance = reader.uint();
  beacon.seeking = (reader.uint() & kSeeking) != 0;
  beacon.port = static_cast<std::uint16_t>(reader.uint(UINT16_MAX));
  Reader endpoints = reader.array(kBeaconEndpoints);
  while (endpoints.left() > 0) {
    auto endpoint = parse_endpoint(endpoints.text(kMaxEndpointBytes));
    if (!endpoint) return malformed();
    beacon.endpoints.push_back(std::move(*endpoint));
  }
  if (!reader.ok()) return malformed();
  return beacon;
}

Result<Beacon> open_beacon(ByteView datagram, std::span<const Secret<32>> keys) {
  if (datagram.size() != kBeaconBytes) return malformed();
  ready_sodium();
  Plain plain{};
  if (std::none_of(keys.begin(), keys.end(),
                   [&](const Secret<32>& key) { return opens(datagram, key, plain); })) {
    return fail(ErrorCode::kRefused, "a beacon was not made with this network's token.");
  }
  const std::size_t length = std::size_t{plain[0]} << 8 | plain[1];
  if (length > kBeaconBodyBytes) return malformed();
  return read_beacon_body(ByteView(plain).subspan(2, length));
}

}  // namespace zswarm::bus
