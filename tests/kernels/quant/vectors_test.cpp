#include "kernels/quant/weight_type.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <fstream>
#include <set>
#include <stdexcept>

#include "kernels/quant/packed_matrix.h"
#include "tests/kernels/quant/weight_vectors.h"

namespace zswarm::quant {

namespace {

class File {
 public:
  explicit File(const std::string& path) : in_(path, std::ios::binary) {
    if (!in_) throw std::runtime_error("cannot open " + path);
  }
  std::uint32_t number() {
    std::uint32_t value = 0;
    bytes(&value, sizeof value);
    if (value > (1u << 20)) throw std::runtime_error("a number in the vectors is too large");
    return value;
  }
  std::string text(std::size_t size) {
    std::string out(size, ' ');
    bytes(out.data(), size);
    return out;
  }
  void bytes(void* target, std::size_t size) {
    if (!in_.read(static_cast<char*>(target), static_cast<std::streamsize>(size)))
      throw std::runtime_error("the vectors end early");
  }
  bool at_end() { return in_.peek() == std::ifstream::traits_type::eof(); }

 private:
  std::ifstream in_;
};

/// Equal bits, or both zero: a decoder may give -0 for 0.
bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) || (a == 0.0F && b == 0.0F);
}

}  // namespace

std::vector<WeightVectors> read_weight_vectors() {
  File file(std::string(ZSWARM_SOURCE_DIR) + "/tests/data/vectors/weight_types.bin");
  if (file.text(8) != "ZSWVEC01") throw std::runtime_error("not a file of weight vectors");
  std::vector<WeightVectors> out(file.number());
  for (WeightVectors& v : out) {
    v.name = file.text(file.number());
    v.type = static_cast<gguf::TensorType>(file.number());
    v.blocks = file.number();
    v.block_bytes = file.number();
    v.block_values = file.number();
    v.bytes.resize(std::size_t{v.blocks} * v.block_bytes);
    v.values.resize(std::size_t{v.blocks} * v.block_values);
    file.bytes(v.bytes.data(), v.bytes.size());
    file.bytes(v.values.data(), v.values.size() * sizeof(float));
  }
  if (!file.at_end()) throw std::runtime_error("the vectors go on after their end");
  return out;
}

namespace {

TEST(WeightTypeVectors, CoverEveryWeightTypeOfTheKernels) {
  std::set<gguf::TensorType> covered;
  for (const WeightVectors& v : read_weight_vectors()) {
    covered.insert(v.type);
    EXPECT_NE(weight_type(v.type), nullptr) << v.name;
  }
  for (const WeightType* type : weight_types())
    EXPECT_TRUE(covered.contains(type->type)) << gguf::tensor_type_traits(type->type)->name;
}

TEST(WeightTypeVectors, BlockSizesAreThoseOfTheFormat) {
  for (const WeightVectors& v : read_weight_vectors()) {
    const gguf::TensorTypeTraits* traits = gguf::tensor_type_traits(v.type);
    ASSERT_NE(traits, nullptr) << v.name;
    EXPECT_EQ(traits->name, v.name);
    EXPECT_EQ(traits->block_bytes, v.block_bytes) << v.name;
    EXPECT_EQ(traits->block_elements, v.block_values) << v.name;
  }
}

// No product in these formats needs more than 24 bits and at most one addition rounds, so there is one right
// answer.
TEST(WeightTypeVectors, DecodeToTheReferencesBits) {
  for (const WeightVectors& v : read_weight_vectors()) {
    const WeightType* type = weight_type(v.type);
    ASSERT_NE(type, nullptr) << v.name;
    std::vector<float> decoded(v.values.size());
    decode_row(*type, v.bytes.data(), decoded.size(), decoded.data());
    for (std::size_t i = 0; i < decoded.size(); ++i) {
      ASSERT_TRUE(same(decoded[i], v.values[i]))
          << v.name << ", block " << i / v.block_values << ", value " << i % v.block_values << ": "
          << decoded[i] << " instead of " << v.values[i];
    }
  }
}

// Nineteen rows: a full panel and one that is padded. Every block visits several rows and places.
TEST(WeightTypeVectors, SurviveRepackingIntoPanels) {
  constexpr std::size_t kRows = 19, kBlocksPerRow = 3;
  for (const WeightVectors& v : read_weight_vectors()) {
    const WeightType* type = weight_type(v.type);
    ASSERT_NE(type, nullptr) << v.name;
    const std::size_t cols = kBlocksPerRow * v.block_values;
    std::vector<std::byte> source(kRows * kBlocksPerRow * v.block_bytes);
    for (std::size_t b = 0; b < kRows * kBlocksPerRow; ++b) {
      std::memcpy(source.data() + b * v.block_bytes, v.bytes.data() + b % v.blocks * v.block_bytes,
                  v.block_bytes);
    }
    PackedMatrix matrix = packed_shape(*type, kRows, cols);
    std::vector<std::uint8_t> memory(matrix.bytes());
    for (std::size_t p = 0; p < matrix.panels(); ++p)
      pack_panel(matrix, p, source.data(), memory.data() + p * matrix.panel_bytes);
    matrix.data = memory.data();
    std::vector<float> row(cols);
    for (std::size_t r = 0; r < kRows; ++r) {
      unpack_row(matrix, r, row.data());
      for (std::size_t c = 0; c < cols; ++c) {
        const std::size_t block = (r * kBlocksPerRow + c / v.block_values) % v.blocks;
        ASSERT_TRUE(same(row[c], v.values[block * v.block_values + c % v.block_values]))
            << v.name << ", row " << r << ", column " << c;
      }
    }
  }
}

}  // namespace
}  // namespace zswarm::quant
