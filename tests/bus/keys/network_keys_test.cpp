#include "bus/keys/network_keys.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace zswarm::bus {
namespace {

NetworkKeys network_keys_of(const ByteArray<32>& secret) {
  Token token;
  token.secret = Secret<32>::from(secret);
  return NetworkKeys::of(token);
}

RC_GTEST_PROP(NetworkKeys, AreAllDifferentAndNeverTheSecret, (const ByteArray<32>& secret)) {
  const auto keys = network_keys_of(secret);
  std::set<ByteArray<32>> seen;
  for (const ByteView bytes :
       {ByteView(secret), keys.join_server.secret_key.view(), keys.join_client.secret_key.view(),
        ByteView(keys.join_server.public_key), ByteView(keys.join_client.public_key), keys.beacon_key.view(),
        keys.membership_key.view()}) {
    ByteArray<32> key;
    RC_ASSERT(bytes.size() == key.size());
    std::copy(bytes.begin(), bytes.end(), key.begin());
    RC_ASSERT(seen.insert(key).second);
  }
}

TEST(NetworkKeys, ChangeWithEachBitOfTheSecret) {
  std::set<CurvePublicKey> seen{network_keys_of({}).join_server.public_key};
  for (std::size_t bit = 0; bit < 256; ++bit) {
    ByteArray<32> secret{};
    secret[bit / 8] = static_cast<std::uint8_t>(1u << bit % 8);
    EXPECT_TRUE(seen.insert(network_keys_of(secret).join_server.public_key).second) << bit;
  }
}

TEST(NetworkKeys, TheIdChangesWithEachBitOfTheOperatorsKeyAndStaysOverEpochs) {
  std::set<NetworkId> ids{NetworkId::of({})};
  for (std::size_t bit = 0; bit < 256; ++bit) {
    Token token;
    token.secret = Secret<32>::random();
    token.operator_key[bit / 8] = static_cast<std::uint8_t>(1u << bit % 8);
    const NetworkId id = NetworkKeys::of(token).id;
    EXPECT_TRUE(ids.insert(id).second) << bit;
    token.epoch += 1;
    token.secret = Secret<32>::random();
    EXPECT_EQ(NetworkKeys::of(token).id, id);
  }
}

TEST(NetworkKeys, KeepWhatTheTokenSaysOpenly) {
  Token token;
  token.epoch = 9;
  token.secret = Secret<32>::random();
  token.operator_key.fill(7);
  const auto keys = NetworkKeys::of(token).copy();
  EXPECT_EQ(keys.epoch, 9u);
  EXPECT_EQ(keys.operator_key, token.operator_key);
  EXPECT_EQ(keys.id.text().size(), 13u);
  EXPECT_TRUE(keys.membership_key == NetworkKeys::of(token).membership_key);
}

}  // namespace
}  // namespace zswarm::bus
