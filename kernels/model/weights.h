// The weights of a layer range, checked and repacked from a GGUF file.
//
// load_weights() runs on the engine's thread and shares the repacking with its team. After a tensor is
// repacked its source pages are dropped, so that peak memory stays near the file's size. The result is
// immutable.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/base/error.h"
#include "kernels/base/huge_memory.h"
#include "kernels/base/team.h"
#include "kernels/gguf/reader.h"
#include "kernels/model/config.h"
#include "kernels/model/kv_cache.h"
#include "kernels/quant/packed_matrix.h"

namespace zswarm::model {

/// Vectors are padded with zeros to a multiple of 32; an optional one that the file does not have is empty.
struct LayerWeights {
  std::vector<float> attention_norm, ffn_norm;  // [width]
  std::vector<float> q_norm, k_norm;            // [head_dim], qwen3
  std::vector<float> q_bias, k_bias, v_bias, o_bias;
  quant::PackedMatrix q, k, v,
      o;  // [heads * head_dim, width], [kv_heads * head_dim, width] twice, [width, heads * head_dim]
  quant::PackedMatrix gate, up, down;  // [ffn_width, width] twice, [width, ffn_width]
};

struct Weights {
  HugeMemory memory;                 // holds all packed matrices
  std::vector<LayerWeights> layers;  // of the range, in order
  const gguf::TensorInfo* embedding =
      nullptr;        // in the file; only if the range begins the model and `output` is not the same tensor
  bool tied = false;  // `output` is the embedding
  std::vector<float> output_norm;   // only if the range ends the model (or the embedding is tied and needed)
  quant::PackedMatrix output;       // [vocab_size, width]
  std::vector<float> rope_factors;  // [rope_dims / 2] divisors of frequencies, or empty
  std::uint64_t layer_bytes = 0, output_bytes = 0;
};

using Progress = std::function<void(std::uint64_t done_bytes, std::uint64_t total_bytes)>;

/// kCorrupt: a tensor is missing or has the wrong shape; kUnsupported: its type, or a tensor that this
/// architecture does not have (leaving it out would give wrong answers). Messages name file and tensor.
[[nodiscard]] Result<Weights> load_weights(const gguf::Reader& file, const Config& config, LayerRange range,
                                           Team& team, const Progress& progress);

}  // namespace zswarm::model
