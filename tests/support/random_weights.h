// Random blocks of any weight type, with scales that are sensible numbers: for kernels and models made in
// tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/gguf/types.h"
#include "kernels/quant/half.h"
#include "kernels/quant/weight_type.h"

namespace zswarm::test {

/// Where the float16 scales of a block lie, in bytes from its start.
inline std::vector<std::size_t> half_offsets(gguf::TensorType type) {
  using gguf::TensorType;
  switch (type) {
    case TensorType::kQ4_1:
    case TensorType::kQ5_1:
    case TensorType::kQ4_K:
    case TensorType::kQ5_K:
      return {0, 2};
    case TensorType::kQ2_K:
      return {80, 82};
    case TensorType::kQ3_K:
      return {108};
    case TensorType::kQ6_K:
      return {208};
    default:
      return {0};
  }
}

/// `count` weights (whole blocks) whose codes are random bits and whose scales are about `scale`, of either
/// sign.
inline std::vector<std::byte> random_weights(gguf::TensorType type, std::size_t count,
                                             std::mt19937_64& random, float scale) {
  const gguf::TensorTypeTraits& traits = *gguf::tensor_type_traits(type);
  std::vector<std::byte> bytes(count / traits.block_elements * traits.block_bytes);
  std::uniform_real_distribution<float> unit(-1.0f, 1.0f);
  const bool is_float = quant::weight_type(type)->unpack == nullptr;
  for (std::size_t i = 0; i < bytes.size(); i += is_float ? traits.block_bytes : 1) {
    if (!is_float) {
      bytes[i] = static_cast<std::byte>(random());
      continue;
    }
    const float value = unit(random) * scale;
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    if (type == gguf::TensorType::kF16) bits = quant::float_to_half(value);
    if (type == gguf::TensorType::kBF16) bits >>= 16;
    std::memcpy(&bytes[i], &bits, traits.block_bytes);
  }
  for (std::size_t block = 0; !is_float && block < bytes.size(); block += traits.block_bytes) {
    for (const std::size_t offset : half_offsets(type)) {
      const std::uint16_t half = quant::float_to_half(unit(random) * scale);
      std::memcpy(&bytes[block + offset], &half, sizeof half);
    }
  }
  return bytes;
}

}  // namespace zswarm::test
