#include "kernels/gguf/types.h"

#include <gtest/gtest.h>

namespace zswarm::gguf {
namespace {

TEST(Types, KnowsBlockSizesOfEveryComputableType) {
  struct Expected {
    TensorType type;
    std::string_view name;
    std::uint32_t elements, bytes;
  };
  // From the format's block structures: scales (2 bytes each), packed values, sub-scales.
  const Expected table[] = {
      {TensorType::kF32, "F32", 1, 4},
      {TensorType::kF16, "F16", 1, 2},
      {TensorType::kBF16, "BF16", 1, 2},
      {TensorType::kQ4_0, "Q4_0", 32, 2 + 16},
      {TensorType::kQ4_1, "Q4_1", 32, 4 + 16},
      {TensorType::kQ5_0, "Q5_0", 32, 2 + 4 + 16},
      {TensorType::kQ5_1, "Q5_1", 32, 4 + 4 + 16},
      {TensorType::kQ8_0, "Q8_0", 32, 2 + 32},
      {TensorType::kQ2_K, "Q2_K", 256, 4 + 16 + 64},
      {TensorType::kQ3_K, "Q3_K", 256, 2 + 32 + 64 + 12},
      {TensorType::kQ4_K, "Q4_K", 256, 4 + 12 + 128},
      {TensorType::kQ5_K, "Q5_K", 256, 4 + 12 + 32 + 128},
      {TensorType::kQ6_K, "Q6_K", 256, 2 + 128 + 64 + 16},
      {TensorType::kIQ4_NL, "IQ4_NL", 32, 2 + 16},
      {TensorType::kIQ4_XS, "IQ4_XS", 256, 2 + 2 + 4 + 128},
  };
  std::size_t computable = 0;
  for (std::uint32_t number = 0; number < 100; ++number) {
    const TensorTypeTraits* traits = tensor_type_traits(static_cast<TensorType>(number));
    if (traits != nullptr && traits->computable) ++computable;
  }
  EXPECT_EQ(computable, std::size(table));
  for (const Expected& expected : table) {
    const TensorTypeTraits* traits = tensor_type_traits(expected.type);
    ASSERT_NE(traits, nullptr);
    EXPECT_EQ(traits->name, expected.name);
    EXPECT_EQ(traits->block_elements, expected.elements) << expected.name;
    EXPECT_EQ(traits->block_bytes, expected.bytes) << expected.name;
    EXPECT_TRUE(traits->computable) << expected.name;
  }
}

TEST(Types, KnowsNoNumberThatTheFormatDoesNotDefine) {
  for (const std::uint32_t number : {4u, 5u, 31u, 32u, 33u, 36u, 37u, 38u, 43u, 1000u, 0xffffffffu}) {
    EXPECT_EQ(tensor_type_traits(static_cast<TensorType>(number)), nullptr) << number;
  }
}

TEST(Types, NamesAndSizesOfValues) {
  EXPECT_EQ(value_type_name(ValueType::kUint16), "uint16");
  EXPECT_EQ(value_type_name(ValueType::kFloat64), "float64");
  EXPECT_EQ(value_type_name(static_cast<ValueType>(13)), "unknown");
  EXPECT_EQ(scalar_bytes(ValueType::kBool), 1u);
  EXPECT_EQ(scalar_bytes(ValueType::kInt64), 8u);
  EXPECT_EQ(scalar_bytes(ValueType::kString), 0u);
  EXPECT_EQ(scalar_bytes(ValueType::kArray), 0u);
  EXPECT_EQ(scalar_bytes(static_cast<ValueType>(0xffffffff)), 0u);
}

}  // namespace
}  // namespace zswarm::gguf
