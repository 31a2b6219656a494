#include "bus/keys/sealed_token.h"

#include <gtest/gtest.h>

#include "bus/keys/identity.h"

namespace zswarm::bus {
namespace {

Token full_token() {
  Token token;
  token.epoch = 7;
  token.secret = Secret<32>::random();
  token.operator_key.fill(3);
  token.expires_s = 4'102'444'800;
  token.bootstrap.push_back({"node.example.org", 7000});
  return token;
}

TEST(SealedToken, IsOpenedByTheOneItIsFor) {
  const auto identity = Identity::from_seed(Secret<32>::random(), 1);
  const Token token = full_token();
  const auto sealed = seal_token(token, identity.curve.public_key);
  ASSERT_TRUE(sealed);
  EXPECT_LE(sealed->size(), kMaxSealedTokenBytes);
  const auto opened = open_sealed_token(*sealed, identity.curve);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->text().reveal(), token.text().reveal());
}

TEST(SealedToken, IsNotOpenedByAnotherNorAfterAChangeOfAnyByte) {
  const auto identity = Identity::from_seed(Secret<32>::random(), 1);
  const auto other = Identity::from_seed(Secret<32>::random(), 1);
  Bytes sealed = *seal_token(full_token(), identity.curve.public_key);
  EXPECT_EQ(open_sealed_token(sealed, other.curve).error().code, ErrorCode::kRefused);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    sealed[i] ^= 1;
    EXPECT_FALSE(open_sealed_token(sealed, identity.curve)) << i;
    sealed[i] ^= 1;
  }
  EXPECT_TRUE(open_sealed_token(sealed, identity.curve));
}

TEST(SealedToken, OfAnImpossibleLengthIsMalformed) {
  const auto identity = Identity::from_seed(Secret<32>::random(), 1);
  for (const std::size_t size : {std::size_t{0}, std::size_t{47}, kMaxSealedTokenBytes + 1})
    EXPECT_EQ(open_sealed_token(Bytes(size), identity.curve).error().code, ErrorCode::kMalformed);
}

TEST(SealedToken, IsNotSealedToAKeyThatIsNone) {
  EXPECT_EQ(seal_token(full_token(), CurvePublicKey{}).error().code, ErrorCode::kRefused);
}

}  // namespace
}  // namespace zswarm::bus
