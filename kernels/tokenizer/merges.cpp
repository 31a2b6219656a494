#include "kernels/tokenizer/merges.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "kernels/base/error.h"

namespace zswarm::tokenizer {
namespace {

// Most pieces are words; for those a scan over neighbours is faster than a heap. Both give the same merges.
constexpr std::size_t kShortPiece = 24;

void merge_short(const MergeTable& table, std::vector<TokenId>& ids) {
  const MergeTable::Merge* merges[kShortPiece];  // merges[i]: of ids[i] and ids[i + 1]
  std::size_t count = ids.size();
  for (std::size_t i = 0; i + 1 < count; ++i) merges[i] = table.find(ids[i], ids[i + 1]);
  while (count > 1) {
    std::size_t best = count;
    std::uint64_t best_rank = std::numeric_limits<std::uint64_t>::max();
    for (std::size_t i = 0; i + 1 < count; ++i) {
      if (merges[i] != nullptr && merges[i]->rank < best_rank) {
        best_rank = merges[i]->rank;
        best = i;
      }
    }
    if (best == count) break;
    ids[best] = merges[best]->result;
    for (std::size_t i = best + 1; i + 1 < count; ++i) {
      ids[i] = ids[i + 1];
      merges[i - 1] = merges[i];
    }
    --count;
    if (best > 0) merges[best - 1] = table.find(ids[best - 1], ids[best]);
    if (best + 1 < count) merges[best] = table.find(ids[best], ids[best + 1]);
  }
  ids.resize(count);
}

bool later(const MergeScratch::Candidate& a, const MergeScratch::Candidate& b) {
  return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
}

void merge_long(const MergeTable& table, std::vector<TokenId>& ids, MergeScratch& scratch) {
  auto& symbols = scratch.symbols;
  auto& heap = scratch.heap;
  const auto count = static_cast<std::int32_t>(ids.size());
  const auto symbol = [&symbols](std::int32_t i) -> MergeScratch::Symbol& {
    return symbols[static_cast<std::size_t>(i)];
  };
  symbols.resize(ids.size());
  heap.clear();
  for (std::int32_t i = 0; i < count; ++i) {
    symbol(i) = {ids[static_cast<std::size_t>(i)], i - 1, i + 1 < count ? i + 1 : -1};
  }
  const auto candidate = [&](std::int32_t at) -> bool {
    if (at < 0 || symbol(at).next < 0) return false;
    const TokenId left = symbol(at).id, right = symbol(symbol(at).next).id;
    const MergeTable::Merge* merge = table.find(left, right);
    if (merge != nullptr) heap.push_back({merge->rank, at, left, right});
    return merge != nullptr;
  };
  for (std::int32_t i = 0; i < count; ++i) candidate(i);
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const MergeScratch::Candidate top = heap.back();
    heap.pop_back();
    MergeScratch::Symbol& left = symbol(top.at);
    // Symbols only grow, so a candidate whose two ids are not beside each other any more is out of date.
    if (left.id != top.left || left.next < 0 || symbol(left.next).id != top.right) continue;
    MergeScratch::Symbol& right = symbol(left.next);
    left.id = table.find(top.left, top.right)->result;
    right.id = -1;
    left.next = right.next;
    if (left.next >= 0) symbol(left.next).prev = top.at;
    for (const std::int32_t at : {left.prev, top.at}) {
      if (candidate(at)) std::push_heap(heap.begin(), heap.end(), later);
    }
  }
  ids.clear();
  for (std::int32_t i = 0; i >= 0; i = symbol(i).next) ids.push_back(symbol(i).id);
}

}  // namespace

MergeTable::MergeTable(std::size_t count) : slots_(std::bit_ceil(std::max<std::size_t>(count, 1) * 2)) {
  shift_ = 64U - static_cast<unsigned>(std::countr_zero(slots_.size()));
}

void MergeTable::add(const Merge& merge) {
  std::size_t i = slot_of(merge.left, merge.right);
  while (slots_[i].left >= 0 && !(slots_[i].left == merge.left && slots_[i].right == merge.right)) {
    i = (i + 1) & (slots_.size() - 1);
  }
  slots_[i] = merge;
}

void merge_pairs(const MergeTable& table, std::vector<TokenId>& ids, MergeScratch& scratch) {
  ZS_ASSERT(ids.size() <= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()));
  if (ids.size() < 2) return;
  if (ids.size() <= kShortPiece) {
    merge_short(table, ids);
  } else {
    merge_long(table, ids, scratch);
  }
}

}  // namespace zswarm::tokenizer
