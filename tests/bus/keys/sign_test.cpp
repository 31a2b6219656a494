#include "bus/keys/sign.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bus/keys/curve.h"

namespace zswarm::bus {
namespace {

SignKeyPair sign_keys_of(const ByteArray<32>& seed) {
  return SignKeyPair::from_seed(Secret<32>::from(seed));
}

RC_GTEST_PROP(Signature, FitsItsKeyPurposeAndBytesAlone, (const ByteArray<32>& seed, const Bytes& bytes)) {
  const auto keys = sign_keys_of(seed);
  const Signature signature = sign(keys, "a purpose", bytes);
  RC_ASSERT(signature_fits(keys.public_key, "a purpose", bytes, signature));
  RC_ASSERT(!signature_fits(keys.public_key, "another", bytes, signature));
  Bytes more = bytes;
  more.push_back(0);
  RC_ASSERT(!signature_fits(keys.public_key, "a purpose", more, signature));
  ByteArray<32> other = seed;
  other[0] ^= 1;
  RC_ASSERT(!signature_fits(sign_keys_of(other).public_key, "a purpose", bytes, signature));
}

TEST(Signature, DoesNotLetBytesPassForAPartOfThePurpose) {
  const auto keys = sign_keys_of({});
  const Signature signature = sign(keys, "card", bytes_of("x"));
  EXPECT_FALSE(signature_fits(keys.public_key, "car", bytes_of("dx"), signature));
  EXPECT_NE(mac_of(Secret<32>(), "card", bytes_of("x")), mac_of(Secret<32>(), "car", bytes_of("dx")));
}

TEST(Signature, OfAKeyOfSmallOrderNeverFits) {
  // With the neutral element as key, (R, 0) with R neutral too fits every message under naive checking.
  SignPublicKey neutral{1};
  Signature signature{1};
  EXPECT_FALSE(signature_fits(neutral, "a purpose", bytes_of("anything"), signature));
  EXPECT_FALSE(curve_key_of(neutral));
}

RC_GTEST_PROP(CurveKey, BelongsToTheSigningKey, (const ByteArray<32>& seed)) {
  RC_ASSERT(curve_key_of(sign_keys_of(seed).public_key) ==
            CurveKeyPair::from_seed(Secret<32>::from(seed)).public_key);
}

RC_GTEST_PROP(CurveKey, ComesBackFromItsText, (const CurvePublicKey& key)) {
  RC_ASSERT(z85_key(z85_text(key)) == key);
}

TEST(CurveKey, IsNotMadeFromOtherTexts) {
  const std::string good = z85_text(CurvePublicKey{});
  ASSERT_TRUE(z85_key(good));
  for (const std::string& text : {std::string(), good.substr(1), good + "0", good.substr(1) + "\"",
                                  good.substr(1) + "\n", good.substr(1) + "\xff", std::string(40, '#'),
                                  std::string(40, '\0'), std::string(35, '0') + std::string(5, '\0')}) {
    EXPECT_FALSE(z85_key(text)) << text;
  }
}

}  // namespace
}  // namespace zswarm::bus
