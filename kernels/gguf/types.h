// The numbers of the GGUF format: metadata value types, tensor types and how large their blocks are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace zswarm::gguf {

enum class ValueType : std::uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

/// Tensor types that zswarm can compute with. Others that the format defines are known by name and size (see
/// tensor_type_traits), so that a file which holds them can be inspected.
enum class TensorType : std::uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kIQ4_NL = 20,
  kIQ4_XS = 23,
  kBF16 = 30,
};

struct TensorTypeTraits {
  std::string_view name;         // "Q4_K"
  std::uint32_t block_elements;  // values per block, along dims[0]
  std::uint32_t block_bytes;
  bool computable;  // a weight type of kernels/quant
};

/// Nothing (nullptr) for a number that the format does not define.
[[nodiscard]] const TensorTypeTraits* tensor_type_traits(TensorType type);

/// Name of a metadata type ("uint32"), "unknown" outside the enumeration.
[[nodiscard]] std::string_view value_type_name(ValueType type);

/// Bytes of one scalar of this type; 0 for strings and arrays.
[[nodiscard]] std::size_t scalar_bytes(ValueType type);

}  // namespace zswarm::gguf
