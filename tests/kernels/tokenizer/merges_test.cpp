#include "kernels/tokenizer/merges.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace zswarm::tokenizer {
namespace {

using Table =
    std::map<std::pair<TokenId, TokenId>, std::pair<std::uint32_t, TokenId>>;  // pair -> rank, result

/// The definition, word for word.
std::vector<TokenId> merged_slowly(const Table& table, std::vector<TokenId> ids) {
  while (true) {
    std::size_t best = ids.size();
    std::uint32_t best_rank = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto it = table.find({ids[i], ids[i + 1]});
      if (it != table.end() && (best == ids.size() || it->second.first < best_rank)) {
        best = i;
        best_rank = it->second.first;
      }
    }
    if (best == ids.size()) return ids;
    ids[best] = table.at({ids[best], ids[best + 1]}).second;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

std::vector<TokenId> merged(const Table& table, std::vector<TokenId> ids) {
  MergeTable fast(table.size());
  for (const auto& [pair, merge] : table) fast.add({pair.first, pair.second, merge.first, merge.second});
  MergeScratch scratch;
  merge_pairs(fast, ids, scratch);
  return ids;
}

RC_GTEST_PROP(MergePairs, IsTheDefinitionForPiecesOfAnyLength, ()) {
  // Each merge makes a new token out of older ones, as training does; ranks are that order.
  Table table;
  const int letters = *rc::gen::inRange(1, 5);
  const int merges = *rc::gen::inRange(0, 40);
  for (int i = 0; i < merges; ++i) {
    const TokenId left = *rc::gen::inRange(0, letters + i), right = *rc::gen::inRange(0, letters + i);
    table.try_emplace({left, right}, static_cast<std::uint32_t>(i), letters + i);
  }
  const auto length = *rc::gen::inRange<std::size_t>(0, 200);
  const auto ids = *rc::gen::container<std::vector<TokenId>>(length, rc::gen::inRange(0, letters));
  RC_ASSERT(merged(table, ids) == merged_slowly(table, ids));
}

TEST(MergePairs, TakesTheLeftmostOfEquals) {
  const Table table{{{1, 1}, {0, 2}}};
  EXPECT_EQ(merged(table, {1, 1, 1}), (std::vector<TokenId>{2, 1}));
  EXPECT_EQ(merged(table, std::vector<TokenId>(101, 1)).back(), 1);  // the same with the heap
  EXPECT_EQ(merged(table, std::vector<TokenId>(101, 1)).size(), 51U);
}

TEST(MergePairs, LeavesShortAndEmptyPiecesAlone) {
  EXPECT_EQ(merged({{{1, 1}, {0, 2}}}, {}), std::vector<TokenId>{});
  EXPECT_EQ(merged({{{1, 1}, {0, 2}}}, {1}), std::vector<TokenId>{1});
  EXPECT_EQ(merged({}, {1, 1, 1}), (std::vector<TokenId>{1, 1, 1}));
}

TEST(MergeTable, KeepsTheLastOfSeveralMergesOfOnePair) {
  MergeTable table(2);
  table.add({1, 2, 7, 3});
  table.add({1, 2, 9, 4});
  ASSERT_NE(table.find(1, 2), nullptr);
  EXPECT_EQ(table.find(1, 2)->rank, 9U);
  EXPECT_EQ(table.find(2, 1), nullptr);
}

}  // namespace
}  // namespace zswarm::tokenizer
