// A model for tests of scheduling: its output at a position is a hash of all tokens up to there, read back
// through the page table.
//
// It has real KV pages (node tests make a real KvCache for its config) and keeps in them what a transformer
// would: something of every token, at its position. A page that is shared by mistake, lost, taken back too
// early or written by two sequences changes the answer, or trips one of its own checks. So equal answers mean
// that the pages were handled right.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "kernels/model/model.h"

namespace zswarm::test {

class HashModel : public model::Model {
 public:
  explicit HashModel(std::uint32_t vocab_size, std::uint32_t context_length = 4096,
                     std::uint32_t max_step_tokens = 512)
      : max_step_tokens_(max_step_tokens) {
    config_.arch = "hash";
    config_.layers = config_.heads = config_.kv_heads = 1;
    config_.head_dim = 2;
    config_.width = 8;
    config_.vocab_size = vocab_size;
    config_.context_length = context_length;
  }

  std::function<void()> before_step;  // may throw, as forward() may when memory runs out
  std::uint64_t steps = 0, tokens = 0;
  std::uint32_t most_sequences = 0, most_tokens = 0;

  const model::Config& config() const override { return config_; }
  model::LayerRange layers() const override { return {0, 1}; }
  std::uint64_t weight_bytes() const override { return 0; }
  std::uint64_t bytes_read_per_token() const override { return 0; }
  std::uint32_t max_step_tokens() const override { return max_step_tokens_; }

  model::StepResult forward(std::span<const model::Slice> slices, model::KvCache& cache,
                            model::OutputKind kind, std::span<const float> hidden_in) override {
    EXPECT_TRUE(hidden_in.empty());
    if (before_step) before_step();
    check_pages(slices);
    const std::size_t width = kind == model::OutputKind::kHidden ? config_.width : config_.vocab_size;
    rows_.clear();
    std::uint32_t step_tokens = 0;
    for (const model::Slice& slice : slices) {
      for (std::size_t i = 0; i < slice.tokens.size(); ++i) {
        write(cache, slice, slice.position + static_cast<std::uint32_t>(i), slice.tokens[i]);
        const bool last = i + 1 == slice.tokens.size();
        if (slice.outputs == model::Outputs::kNone || (slice.outputs == model::Outputs::kLast && !last))
          continue;
        std::uint64_t state = kSeed;
        for (std::uint32_t p = 0; p <= slice.position + i; ++p) state = mix(state, read(cache, slice, p));
        append_row(state, width, rows_);
      }
      step_tokens += static_cast<std::uint32_t>(slice.tokens.size());
    }
    EXPECT_LE(step_tokens, max_step_tokens_);
    EXPECT_GT(step_tokens, 0u);
    ++steps;
    tokens += step_tokens;
    most_tokens = std::max(most_tokens, step_tokens);
    most_sequences = std::max(most_sequences, static_cast<std::uint32_t>(slices.size()));
    return {rows_, rows_.size() / width, width};
  }

  /// What forward() gives after `tokens`, without any pages.
  [[nodiscard]] static std::vector<float> row_after(std::span<const std::int32_t> tokens, std::size_t width) {
    std::uint64_t state = kSeed;
    for (const std::int32_t token : tokens) state = mix(state, token);
    std::vector<float> row;
    append_row(state, width, row);
    return row;
  }

 private:
  static constexpr std::uint64_t kSeed = 0x243f6a8885a308d3;

  static std::uint64_t mix(std::uint64_t state, std::int32_t token) {
    state = (state ^ static_cast<std::uint32_t>(token)) * 0x9e3779b97f4a7c15;
    return state ^ (state >> 29);
  }
  static void append_row(std::uint64_t state, std::size_t width, std::vector<float>& rows) {
    for (std::size_t i = 0; i < width; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      rows.push_back(static_cast<float>(state >> 40) / (1 << 22) - 2.0f);
    }
  }

  /// Whoever writes a page must be the only one who has it in this step, and have a table that covers the
  /// tokens.
  void check_pages(std::span<const model::Slice> slices) const {
    std::map<model::PageId, int> holders;
    for (const model::Slice& slice : slices) {
      EXPECT_GE(slice.pages.size() * model::kPageTokens, slice.position + slice.tokens.size());
      std::set<model::PageId> own(slice.pages.begin(), slice.pages.end());
      EXPECT_EQ(own.size(), slice.pages.size()) << "a page occurs twice in one table";
      for (const model::PageId page : own) ++holders[page];
    }
    for (const model::Slice& slice : slices) {
      const std::size_t end = slice.position + slice.tokens.size();
      for (std::size_t i = slice.position / model::kPageTokens; i * model::kPageTokens < end; ++i) {
        EXPECT_EQ(holders[slice.pages[i]], 1) << "a page is written while another sequence has it";
      }
    }
  }
  static void write(model::KvCache& cache, const model::Slice& slice, std::uint32_t position,
                    std::int32_t token) {
    const model::PageId page = slice.pages[position / model::kPageTokens];
    const std::size_t offset = position % model::kPageTokens;
    std::memcpy(cache.keys(page, 0, 0) + offset * 2, &token, sizeof(token));
    std::memcpy(cache.values(page, 0, 0) + offset * 2, &position, sizeof(position));
  }
  static std::int32_t read(model::KvCache& cache, const model::Slice& slice, std::uint32_t position) {
    const model::PageId page = slice.pages[position / model::kPageTokens];
    const std::size_t offset = position % model::kPageTokens;
    std::int32_t token = 0;
    std::uint32_t written_for = 0;
    std::memcpy(&token, cache.keys(page, 0, 0) + offset * 2, sizeof(token));
    std::memcpy(&written_for, cache.values(page, 0, 0) + offset * 2, sizeof(written_for));
    EXPECT_EQ(written_for, position) << "the page holds another position";
    return token;
  }

  model::Config config_;
  std::uint32_t max_step_tokens_;
  std::vector<float> rows_;
};

}  // namespace zswarm::test
