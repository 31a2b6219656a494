#include "bus/keys/curve.h"

#include <sodium.h>
#include <zmq.h>

namespace zswarm::bus {
namespace {

constexpr std::size_t kTextSize = 40;

std::string encoded(const std::uint8_t* key) {
  std::string text(kTextSize + 1, '\0');  // zmq ends it with a zero
  zmq_z85_encode(text.data(), key, 32);
  text.resize(kTextSize);
  return text;
}

}  // namespace

CurveKeyPair CurveKeyPair::from_seed(const Secret<32>& seed) {
  ready_sodium();
  CurveKeyPair keys;
  crypto_box_seed_keypair(keys.public_key.data(), keys.secret_key.data(), seed.data());
  return keys;
}

std::optional<CurvePublicKey> curve_key_of(const SignPublicKey& key) {
  ready_sodium();
  CurvePublicKey curve;
  if (crypto_sign_ed25519_pk_to_curve25519(curve.data(), key.data()) != 0) return std::nullopt;
  return curve;
}

std::string z85_text(const CurvePublicKey& key) {
  return encoded(key.data());
}

SecretText z85_text(const Secret<32>& key) {
  return SecretText(encoded(key.data()));
}

std::optional<CurvePublicKey> z85_key(std::string_view text) {
  CurvePublicKey key;
  if (text.size() != kTextSize || text.find('\0') != std::string_view::npos) return std::nullopt;
  if (zmq_z85_decode(key.data(), std::string(text).c_str()) == nullptr) return std::nullopt;
  return key;
}

}  // namespace zswarm::bus
