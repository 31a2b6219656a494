#include "kernels/quant/packed_matrix.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/random_weights.h"

namespace zswarm::quant {
namespace {

class EveryWeightType : public testing::TestWithParam<const WeightType*> {
 protected:
  [[nodiscard]] static std::string type_name() {
    return std::string(gguf::tensor_type_traits(GetParam()->type)->name);
  }
};

TEST_P(EveryWeightType, repacked_rows_decode_to_the_same_floats) {
  const WeightType& type = *GetParam();
  constexpr std::size_t kRows = 37, kCols = 512;  // two whole panels and five rows
  std::mt19937_64 random(20261121);
  const auto source = test::random_weights(type.type, kRows * kCols, random, 0.25f);
  const PackedMatrix shape = packed_shape(type, kRows, kCols);
  ASSERT_EQ(shape.panels(), 3u);
  ASSERT_EQ(shape.panel_bytes % 64, 0u);
  std::vector<std::uint8_t> memory(shape.bytes(), 0xaa);
  for (std::size_t p = 0; p < shape.panels(); ++p)
    pack_panel(shape, p, source.data(), memory.data() + p * shape.panel_bytes);
  PackedMatrix matrix = shape;
  matrix.data = memory.data();

  std::vector<float> expected(kCols), found(kCols);
  const std::size_t row_bytes = source.size() / kRows;
  for (std::size_t row = 0; row < kRows; ++row) {
    decode_row(type, source.data() + row * row_bytes, kCols, expected.data());
    unpack_row(matrix, row, found.data());
    ASSERT_EQ(std::memcmp(expected.data(), found.data(), kCols * sizeof(float)), 0)
        << type_name() << " row " << row;
  }
}

TEST_P(EveryWeightType, takes_no_more_memory_repacked_than_five_percent_over_the_file) {
  const WeightType& type = *GetParam();
  const gguf::TensorTypeTraits& traits = *gguf::tensor_type_traits(type.type);
  const std::size_t file_bytes = 4096 * 2048 / traits.block_elements * traits.block_bytes;
  EXPECT_LE(static_cast<double>(packed_shape(type, 4096, 2048).bytes()),
            1.05 * static_cast<double>(file_bytes))
      << type_name();
}

INSTANTIATE_TEST_SUITE_P(Types, EveryWeightType,
                         testing::ValuesIn(weight_types().begin(), weight_types().end()), [](const auto& p) {
                           return std::string(gguf::tensor_type_traits(p.param->type)->name);
                         });

TEST(WeightTypes, are_those_that_the_format_table_calls_computable) {
  for (std::uint32_t number = 0; number < 64; ++number) {
    const auto type = static_cast<gguf::TensorType>(number);
    const gguf::TensorTypeTraits* traits = gguf::tensor_type_traits(type);
    EXPECT_EQ(traits != nullptr && traits->computable, weight_type(type) != nullptr) << number;
  }
}

}  // namespace
}  // namespace zswarm::quant
