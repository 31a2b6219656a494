#include "bus/core/epochs.h"

#include <gtest/gtest.h>

namespace zswarm::bus {
namespace {

NetworkKeys keys_of(std::uint32_t epoch) {
  Token token;
  token.epoch = epoch;
  token.secret = Secret<32>::random();
  return NetworkKeys::of(token);
}

TEST(Epochs, KeepTheOneBeforeAndNoMore) {
  std::vector<NetworkKeys> first;
  first.push_back(keys_of(1));
  Epochs epochs(std::move(first));
  for (std::uint32_t epoch = 2; epoch < 6; ++epoch) {
    epochs.advance(keys_of(epoch));
    EXPECT_EQ(epochs.present().epoch, epoch);
    ASSERT_EQ(epochs.all().size(), 2u);
    EXPECT_EQ(epochs.all()[1].epoch, epoch - 1);
  }
}

TEST(EpochKeys, AreReadInTheFormInWhichTheyAreWritten) {
  NodeId node;
  node.bytes.fill(9);
  const auto read = parse_epoch_key(epoch_key(4294967295, node));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->epoch, 4294967295u);
  EXPECT_EQ(read->node, node);
}

TEST(EpochKeys, InAnyOtherFormAreNone) {
  const std::string id = NodeId{}.text();
  const std::vector<std::string> wrong = {"network/epoch/",
                                          "network/epoch/2",
                                          "network/epoch/2/",
                                          "network/epoch/02/" + id,
                                          "network/epoch/+2/" + id,
                                          "network/epoch/2x/" + id,
                                          "network/epoch//" + id,
                                          "network/epoch/-1/" + id,
                                          "network/epoch/4294967296/" + id,
                                          "network/epoch/2/" + id + "/x",
                                          "network/epoch/2/" + id.substr(1),
                                          "network/revoked/" + id,
                                          ""};
  for (const std::string& key : wrong) EXPECT_FALSE(parse_epoch_key(key)) << key;
}

}  // namespace
}  // namespace zswarm::bus
