// Layers [first, last) of a transformer, ready to run.
//
// A whole model is the range [0, layers): token ids enter, logits leave. A slice takes and gives hidden
// states (float32, [tokens, width]) where it does not begin or end the model. One class for both.
//
// Results do not depend on where they are computed: for one file, the logits of a token depend on the tokens
// before it in its own sequence and on nothing else; not on the other sequences of the step, the chunking of
// the prompt, the team's size, the instruction set or the split into layer ranges. ARCHITECTURE.md ("The same
// bits everywhere") tells how.
//
// Threads: load() and forward() are called by the engine's thread, which is member 0 of the team. The weights
// are immutable after load(). `forward` writes only its own scratch memory and the KV pages named in the
// step.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "kernels/base/error.h"
#include "kernels/base/team.h"
#include "kernels/gguf/reader.h"
#include "kernels/model/config.h"
#include "kernels/model/kv_cache.h"

namespace zswarm::model {

enum class Outputs : std::uint8_t {
  kNone,  // fill the KV cache only (all but the last chunk of a prompt)
  kLast,  // the last token's row
  kAll,   // every token's row
};

enum class OutputKind : std::uint8_t { kLogits, kHidden };  // kHidden: after the final norm, [rows, width]

/// One sequence's share of a step: `tokens` at positions position, position + 1, …
struct Slice {
  std::span<const std::int32_t> tokens;  // ids below vocab_size
  std::uint32_t position = 0;
  std::span<const PageId>
      pages;  // the sequence's page table: pages[p / kPageTokens] holds position p; covers all positions
  Outputs outputs = Outputs::kLast;
};

struct StepResult {
  std::span<float> rows;  // [row_count, row_width], in the order of slices and tokens; valid until the next
                          // forward(); may be overwritten
  std::size_t row_count = 0;
  std::size_t row_width = 0;
};

struct LoadOptions {
  LayerRange layers{0, 0};                                                            // {0, 0}: all
  std::function<void(std::uint64_t done_bytes, std::uint64_t total_bytes)> progress;  // on the loading thread
};

class Model {
 public:
  /// Reads and repacks the weights. kCorrupt if a tensor is missing or has the wrong shape, kUnsupported for
  /// a weight type that is not known; the message names file and tensor. The Reader must outlive the model:
  /// rare rows (token embeddings) are read from it.
  static Result<std::unique_ptr<Model>> load(const gguf::Reader& file, Team& team,
                                             const LoadOptions& options = {});
  virtual ~Model() = default;

  [[nodiscard]] virtual const Config& config() const = 0;
  [[nodiscard]] virtual LayerRange layers() const = 0;
  [[nodiscard]] virtual std::uint64_t weight_bytes() const = 0;          // resident, repacked
  [[nodiscard]] virtual std::uint64_t bytes_read_per_token() const = 0;  // weights that one decode step reads

  /// Runs one step over all slices together. The sum of their tokens is at most max_step_tokens().
  /// `hidden_in` is used only if the range does not begin at layer 0: [tokens, width]. If it does not end the
  /// model, rows are hidden states of all tokens.
  [[nodiscard]] virtual StepResult forward(std::span<const Slice> slices, KvCache& cache,
                                           OutputKind kind = OutputKind::kLogits,
                                           std::span<const float> hidden_in = {}) = 0;

  [[nodiscard]] virtual std::uint32_t max_step_tokens() const = 0;
};

}  // namespace zswarm::model
