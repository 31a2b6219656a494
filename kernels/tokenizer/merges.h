// Byte-pair merging: a table of ranked pairs, and its application to a piece of text.
//
// Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", section 3.2: again and
// again the pair with the best rank, the leftmost of equals, becomes one token. Works on ids only; what they
// spell does not matter here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/tokenizer/tokenizer.h"

namespace zswarm::tokenizer {

class MergeTable {
 public:
  struct Merge {
    TokenId left = -1, right = -1;
    std::uint32_t rank = 0;  // smaller is merged earlier
    TokenId result = -1;
  };

  explicit MergeTable(std::size_t count);

  /// At most `count` of the constructor. Of several merges of one pair the last counts, as in Hugging Face's
  /// map.
  void add(const Merge& merge);

  /// The merge of this pair, or nullptr.
  [[nodiscard]] const Merge* find(TokenId left, TokenId right) const {
    for (std::size_t i = slot_of(left, right);; i = (i + 1) & (slots_.size() - 1)) {
      const Merge& m = slots_[i];
      if (m.left == left && m.right == right) return &m;
      if (m.left < 0) return nullptr;
    }
  }

 private:
  [[nodiscard]] std::size_t slot_of(TokenId left, TokenId right) const {
    const std::uint64_t key = (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) |
                              static_cast<std::uint32_t>(right);
    return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15) >> shift_);
  }

  std::vector<Merge> slots_;  // power of two, at most half full; left < 0: free
  unsigned shift_ = 0;
};

/// Working memory of merge_pairs(), to be reused from piece to piece.
struct MergeScratch {
  struct Symbol {
    TokenId id = -1;  // < 0: swallowed by its left neighbour
    std::int32_t prev = -1, next = -1;
  };
  struct Candidate {
    std::uint32_t rank = 0;
    std::int32_t at = 0;
    TokenId left = -1, right = -1;
  };
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
};

/// Merges `ids` in place until no pair is in the table. O(n log n) time, O(n) memory. At most 2^31 - 1 ids.
void merge_pairs(const MergeTable& table, std::vector<TokenId>& ids, MergeScratch& scratch);

}  // namespace zswarm::tokenizer
