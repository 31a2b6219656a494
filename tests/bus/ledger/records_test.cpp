#include "bus/ledger/records.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "tests/bus/ledger/ledger_fixture.h"

namespace zswarm::bus {
namespace {

/// The same by plain means.
struct Model {
  std::map<std::string, Position> by_key;

  SetSum sum(const Bound& lower, const Bound& upper) const {
    SetSum sum;
    for (const auto& [key, position] : by_key) {
      if (!lower.above(position) && upper.above(position)) sum += SetSum::of(position.hash);
    }
    return sum;
  }
  std::vector<Position> in_order() const {
    std::vector<Position> all;
    for (const auto& [key, position] : by_key) all.push_back(position);
    std::sort(all.begin(), all.end());
    return all;
  }
};

void compare(const Records& records, const Model& model) {
  const auto order = model.in_order();
  RC_ASSERT(records.total().count == order.size());
  for (std::size_t rank = 0; rank < order.size(); ++rank)
    RC_ASSERT(records[records.by_rank(rank)].position_key() == order[rank]);
  std::vector<std::string> keys;
  records.walk_keys("k/1", [&](RecordIndex r) { return keys.emplace_back(records[r].key()), true; });
  std::vector<std::string> expected;
  for (const auto& [key, position] : model.by_key) {
    if (key.starts_with("k/1")) expected.push_back(key);
  }
  RC_ASSERT(keys == expected);
  Bound lower = Bound::start();
  for (std::size_t rank = 0; rank + 3 < order.size(); rank += 3) {
    const Bound upper = bound_between(order[rank], order[rank + 1]);
    RC_ASSERT(!upper.above(order[rank + 1]) && upper.above(order[rank]));
    RC_ASSERT(records.sum(lower, upper) == model.sum(lower, upper));
    lower = upper;
  }
  RC_ASSERT(records.sum(lower, Bound::infinity()) == model.sum(lower, Bound::infinity()));
}

RC_GTEST_PROP(Records, AgreeWithAPlainMap,
              (std::uint64_t seed, const std::vector<std::pair<std::uint8_t, std::uint8_t>>& steps)) {
  Records records(seed);
  Model model;
  for (const auto& [number, stamp] : steps) {
    Entry entry;
    entry.key = (number % 8 == 0 ? "network/" : "k/") + std::to_string(number);
    entry.stamp = {stamp};
    const Hash hash = hash_of(signed_bytes(entry, {}));
    const RecordIndex held = records.find(entry.key);
    RC_ASSERT((held != kNoRecord) == model.by_key.contains(entry.key));
    if (held != kNoRecord) {
      RC_ASSERT(records[held].key() == entry.key);
      records.remove(held);
      model.by_key.erase(entry.key);
    } else {
      records.insert(entry, hash, 0);
      const std::uint64_t permanent = number % 8 == 0 ? Position::kPermanent : 0;
      model.by_key[entry.key] = {stamp | permanent, hash};
    }
  }
  compare(records, model);
}

RC_GTEST_PROP(SetSum, TakesBackWhatWasAdded, (const ByteArray<32>& a, const ByteArray<32>& b)) {
  SetSum sum = SetSum::of(a);
  sum += SetSum::of(b);
  SetSum other = SetSum::of(b);
  other += SetSum::of(a);
  RC_ASSERT(sum == other);
  sum -= SetSum::of(a);
  RC_ASSERT(sum == SetSum::of(b));
}

TEST(SetSum, CarriesAcrossItsWords) {
  Hash ones;
  ones.fill(0xff);
  Hash one{};
  one[0] = 1;
  SetSum sum = SetSum::of(ones);
  sum += SetSum::of(one);
  EXPECT_EQ(sum.words, (std::array<std::uint64_t, 4>{}));
  EXPECT_EQ(sum.count, 2u);
}

TEST(SetSum, OfAnEntryTwiceIsNotThatOfNone) {
  SetSum sum = SetSum::of(hash_of(bytes_of("a")));
  sum += SetSum::of(hash_of(bytes_of("a")));
  EXPECT_NE(sum.words, SetSum{}.words);
}

RC_GTEST_PROP(Bound, ComesBackFromItsBytes, (std::uint64_t stamp, const ByteArray<32>& hash)) {
  const Bound bound{{stamp, hash}, false};
  RC_ASSERT(decode_lower(encode_bound(bound)) == bound);
  RC_ASSERT(decode_upper(encode_bound(Bound::infinity())) == Bound::infinity());
}

TEST(Bound, IsAsShortAsItCanBe) {
  const Position low{0x0102030405060708, {}}, high{0x0102030505060708, {}};
  EXPECT_EQ(encode_bound(bound_between(low, high)), (Bytes{1, 2, 3, 5}));
}

}  // namespace
}  // namespace zswarm::bus
