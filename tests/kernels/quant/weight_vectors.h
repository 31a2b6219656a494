// Blocks of every weight type and what they decode to, as tests/oracle/make_vectors.py wrote them with
// gguf-py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/gguf/types.h"

namespace zswarm::quant {

struct WeightVectors {
  std::string name;  // "Q4_K"
  gguf::TensorType type{};
  std::uint32_t blocks = 0;
  std::uint32_t block_bytes = 0;
  std::uint32_t block_values = 0;
  std::vector<std::byte> bytes;  // [blocks, block_bytes]
  std::vector<float> values;     // [blocks, block_values]
};

/// Reads tests/data/vectors/weight_types.bin; throws std::runtime_error if it is damaged.
std::vector<WeightVectors> read_weight_vectors();

}  // namespace zswarm::quant
