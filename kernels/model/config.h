// Hyperparameters of a transformer, read from GGUF metadata and checked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/error.h"
#include "kernels/gguf/reader.h"

namespace zswarm::model {

enum class RopeKind { kInterleaved, kHalves };  // pairs (2i, 2i+1), or (i, i + n/2)

struct Config {
  std::string arch;  // "llama", "qwen2", "qwen3"
  std::string name;  // general.name, may be empty
  std::uint32_t layers = 0;
  std::uint32_t width = 0;  // embedding length
  std::uint32_t ffn_width = 0;
  std::uint32_t heads = 0;
  std::uint32_t kv_heads = 0;
  std::uint32_t head_dim = 0;
  std::uint32_t vocab_size = 0;
  std::uint32_t context_length = 0;  // trained length
  float norm_epsilon = 0;
  RopeKind rope_kind = RopeKind::kInterleaved;
  std::uint32_t rope_dims = 0;
  double rope_base = 10000;
  double rope_position_scale = 1;  // linear scaling: positions are multiplied by this
  bool qkv_bias = false;
  bool qk_norm = false;
};

/// Every number that comes back is within the limits of config.cpp, so products of two of them fit 64 bits
/// with room to spare. Fails with kUnsupported (architecture, mixture of experts, rope scaling that is not
/// known, per-layer widths) or kCorrupt (a key is missing, of the wrong type or out of range); messages name
/// file and key.
[[nodiscard]] Result<Config> read_config(const gguf::Reader& file);

}  // namespace zswarm::model
