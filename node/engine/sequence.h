// What the scheduler knows of a request: its tokens, how far they are computed, and the pages that hold the
// result.
//
// Written by the scheduler and the engine, on the engine's thread.
#pragma once

#include <cstdint>
#include <vector>

#include "node/engine/page_pool.h"

namespace zswarm::node {

/// What is wanted of a sequence's output rows decides the kind of step it takes part in.
enum class Work : std::uint8_t { kGenerate, kEmbed };  // rows of logits; hidden states

struct Sequence {
  Work work = Work::kGenerate;
  std::uint64_t arrival = 0;         // smaller: came earlier, goes first; unique
  std::vector<std::int32_t> tokens;  // prompt and answer so far; more than `computed` between steps
  std::uint32_t prompt_tokens = 0;
  std::uint32_t computed = 0;  // positions whose keys and values are in `pages`
  std::vector<PageId>
      pages;  // the page table: at least enough for `tokens` while running, empty while waiting
  std::uint32_t published = 0;  // pages at the beginning that are in the prefix index
  // Positions whose output rows are still wanted beside the last one's: to score a prompt, to pool an
  // embedding.
  std::uint32_t rows_begin = 0, rows_end = 0;

  std::uint32_t cached_tokens = 0;  // of the prompt, found in the prefix cache when first computed
  std::uint32_t preemptions = 0;

  [[nodiscard]] std::uint32_t remaining() const {
    return static_cast<std::uint32_t>(tokens.size()) - computed;
  }
  [[nodiscard]] bool wants_rows() const { return rows_begin < rows_end; }
};

[[nodiscard]] constexpr std::uint32_t pages_for(std::uint64_t tokens) {
  return static_cast<std::uint32_t>((tokens + kPageTokens - 1) / kPageTokens);
}

}  // namespace zswarm::node
