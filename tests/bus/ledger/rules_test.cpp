#include "bus/ledger/rules.h"

#include <gtest/gtest.h>

#include "tests/bus/ledger/ledger_fixture.h"

namespace zswarm::bus {
namespace {

using test::epoch_value;
using test::signed_entry;
using test::signer;

bool may_write(std::uint8_t author, const std::string& key, Bytes value = {}, bool erased = false) {
  const Entry entry = signed_entry(author, key, 0, std::move(value), erased);
  return check_right(entry, test::id_of(author), signer(0).public_key).has_value();
}

const std::string kOne = test::id_of(1).text(), kTwo = test::id_of(2).text();

TEST(Rules, ANodeWritesItsOwnKeysOnly) {
  EXPECT_TRUE(may_write(1, "node/" + kOne + "/card"));
  EXPECT_TRUE(may_write(1, "node/" + kOne + "/models/a"));
  EXPECT_FALSE(may_write(1, "node/" + kTwo + "/card"));
  EXPECT_FALSE(may_write(0, "node/" + kTwo + "/card"));
  EXPECT_FALSE(may_write(1, "node/" + kOne));
  EXPECT_FALSE(may_write(1, "node/card"));
}

TEST(Rules, AnIdHasOneSpelling) {
  std::string capitals = kOne;
  for (char& c : capitals) c = static_cast<char>(std::toupper(c));
  ASSERT_TRUE(NodeId::parse(capitals));
  EXPECT_FALSE(may_write(1, "node/" + capitals + "/card"));
  EXPECT_FALSE(may_write(0, "network/revoked/" + capitals));
}

TEST(Rules, OnlyTheOperatorWritesWhatConcernsTheNetwork) {
  EXPECT_TRUE(may_write(0, "network/epoch"));
  EXPECT_TRUE(may_write(0, "network/revoked/" + kOne));
  EXPECT_FALSE(may_write(0, "network/revoked/nobody"));
  EXPECT_FALSE(may_write(1, "network/epoch"));
  EXPECT_FALSE(may_write(1, "network/revoked/" + kTwo));
}

TEST(Rules, ANodeSaysWhatItHoldsOfAModelAndOfNoOtherNode) {
  EXPECT_TRUE(may_write(1, "model/00ff/" + kOne));
  EXPECT_TRUE(may_write(1, "model/00ff/" + kOne + "/layers"));
  EXPECT_FALSE(may_write(1, "model/00ff/" + kTwo));
  EXPECT_FALSE(may_write(1, "model/" + kOne));
}

TEST(Rules, AJobIsWrittenByItsCreator) {
  EXPECT_TRUE(may_write(1, "job/" + kOne + "/7"));
  EXPECT_FALSE(may_write(2, "job/" + kOne + "/7"));
  EXPECT_FALSE(may_write(1, "job/7"));
}

TEST(Rules, AnyMemberWritesAPlacementWithItsEpoch) {
  EXPECT_TRUE(may_write(1, "placement/m", epoch_value(1)));
  EXPECT_TRUE(may_write(2, "placement/m", epoch_value(9, "stages")));
  EXPECT_FALSE(may_write(1, "placement/m", epoch_value(0)));
  EXPECT_FALSE(may_write(1, "placement/m", {1, 2, 3}));
  EXPECT_FALSE(may_write(1, "placement/m", {}, true));
  EXPECT_FALSE(may_write(1, "placement/m/part", epoch_value(1)));
}

TEST(Rules, NobodyTakesTheLastEpochThatThereIs) {
  const std::uint64_t stamp = Hlc::at(test::kStartMs).packed;
  EXPECT_TRUE(may_write(1, "placement/m", epoch_value(stamp)));
  EXPECT_FALSE(may_write(1, "placement/m", epoch_value(stamp + 1)));
  EXPECT_FALSE(may_write(1, "placement/m", epoch_value(~std::uint64_t{0})));
}

TEST(Rules, OtherNamesBelongToTheirAuthor) {
  EXPECT_TRUE(may_write(1, "weather/" + kOne + "/today"));
  EXPECT_FALSE(may_write(1, "weather/" + kTwo + "/today"));
  EXPECT_FALSE(may_write(1, "weather/today"));
  EXPECT_FALSE(may_write(1, "networks/revoked/" + kTwo));
}

TEST(Rules, TheEpochGoesBeforeTheStampAndTheStampBeforeTheRest) {
  const Precedence base{1, {5}, {}, {}};
  EXPECT_LT(base, (Precedence{2, {1}, {}, {}}));
  EXPECT_LT(base, (Precedence{1, {6}, {}, {}}));
  EXPECT_LT(base, (Precedence{1, {5}, {{1}}, {}}));
  EXPECT_LT(base, (Precedence{1, {5}, {}, {1}}));
  EXPECT_EQ(epoch_of("node/a/b", epoch_value(7)), 0u);
}

}  // namespace
}  // namespace zswarm::bus
