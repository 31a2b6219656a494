#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/ops/activations.h"
#include "kernels/ops/kernel_table.h"
#include "tests/support/random_weights.h"

namespace zswarm::ops {
namespace {

using quant::PackedMatrix;

struct Packed {
  std::vector<std::uint8_t> memory;
  PackedMatrix matrix;
  std::vector<float> decoded;  // [rows, cols]
};

Packed pack(const quant::WeightType& type, std::size_t rows, std::size_t cols,
            const std::vector<std::byte>& source) {
  Packed p{{}, quant::packed_shape(type, rows, cols), std::vector<float>(rows * cols)};
  p.memory.resize(p.matrix.bytes() + 64);
  auto* aligned = p.memory.data() + (64 - reinterpret_cast<std::uintptr_t>(p.memory.data()) % 64);
  for (std::size_t i = 0; i < p.matrix.panels(); ++i)
    quant::pack_panel(p.matrix, i, source.data(), aligned + i * p.matrix.panel_bytes);
  p.matrix.data = aligned;
  for (std::size_t r = 0; r < rows; ++r)
    quant::decode_row(type, source.data() + r * (source.size() / rows), cols, &p.decoded[r * cols]);
  return p;
}

/// Rows of inputs: normal ones, one with an outlier, one of zeros, one at the limits.
Activations make_inputs(std::size_t rows, std::size_t cols, std::mt19937_64& random) {
  Activations a(rows, cols);
  a.set_rows(rows);
  std::normal_distribution<float> normal;
  for (std::size_t t = 0; t < rows; ++t) {
    for (std::size_t i = 0; i < cols; ++i) {
      a.values(t)[i] = t % 7 == 3 ? 0.0f : t % 7 == 4 ? (random() % 2 != 0 ? 1e4f : -1e4f) : normal(random);
    }
    if (t % 7 == 2) a.values(t)[cols / 2] = 500.0f;
    for (std::size_t b = 0; b < a.blocks(); ++b)
      scalar_kernels().quantise_block(a.values(t) + 32 * b, a.codes(b, t), a.meta(b, t));
  }
  return a;
}

PanelInputs inputs_of(const Activations& a) {
  return {a.codes(0, 0), a.meta(0, 0), a.values(0), a.rows(), a.stride()};
}

std::vector<float> product(const KernelTable& kernels, const Packed& p, const Activations& a,
                           std::size_t panel) {
  std::vector<float> out(a.rows() * quant::kPanelRows, -1.0f);
  for (std::size_t t = 0; t < a.rows(); t += kTileRows) {
    PanelInputs in{a.codes(0, t), a.meta(0, t), a.values(t), a.rows(), a.stride()};
    kernels.panel_product (*p.matrix.type)(p.matrix, panel, in, std::min(kTileRows, a.rows() - t),
                                           &out[t * quant::kPanelRows]);
  }
  return out;
}

class PanelProduct : public testing::TestWithParam<const quant::WeightType*> {};

TEST_P(PanelProduct, is_the_matrix_times_the_quantised_inputs) {
  const quant::WeightType& type = *GetParam();
  std::mt19937_64 random(7);
  constexpr std::size_t kRows = 21, kCols = 768;
  const Packed p = pack(type, kRows, kCols, test::random_weights(type.type, kRows * kCols, random, 0.1f));
  const Activations a = make_inputs(9, kCols, random);
  for (std::size_t panel = 0; panel < 2; ++panel) {
    const std::vector<float> found = product(scalar_kernels(), p, a, panel);
    for (std::size_t t = 0; t < a.rows(); ++t) {
      for (std::size_t r = 0; r < quant::kPanelRows; ++r) {
        const std::size_t row = panel * quant::kPanelRows + r;
        double sum = 0, magnitude = 0;
        for (std::size_t k = 0; k < kCols && row < kRows; ++k) {
          const std::int8_t* codes = a.codes(k / 32, t);
          const double x = type.unpack == nullptr ? static_cast<double>(a.values(t)[k])
                                                  : static_cast<double>(a.meta(k / 32, t)->d) *
                                                        (256 * codes[k % 32] + codes[k % 32 + 32]);
          sum += p.decoded[row * kCols + k] * x;
          magnitude += std::fabs(p.decoded[row * kCols + k] * x);
        }
        // A min is subtracted after the sum, so terms can be larger than the products: hence the factor of 8.
        EXPECT_NEAR(found[t * quant::kPanelRows + r], sum, 8 * magnitude * kCols * 0x1p-24 + 1e-30)
            << gguf::tensor_type_traits(type.type)->name << " row " << row << " input " << t;
      }
    }
  }
}

TEST_P(PanelProduct, has_the_same_bits_on_every_instruction_set_and_in_every_tile) {
  const quant::WeightType& type = *GetParam();
  std::mt19937_64 random(11);
  constexpr std::size_t kRows = 16, kCols = 1024;
  std::vector<std::vector<std::byte>> sources = {
      test::random_weights(type.type, kRows * kCols, random, 0.1f)};
  if (type.unpack != nullptr) {  // all codes at their largest: where a 16-bit intermediate would saturate
    std::vector<std::byte> full(sources[0].size(), std::byte{0xff});
    const gguf::TensorTypeTraits& traits = *gguf::tensor_type_traits(type.type);
    for (std::size_t block = 0; block < full.size(); block += traits.block_bytes) {
      for (const std::size_t offset : test::half_offsets(type.type)) {
        const std::uint16_t one = 0x3c00;
        std::memcpy(&full[block + offset], &one, 2);
      }
    }
    sources.push_back(full);
    if (type.type == gguf::TensorType::kQ8_0) {
      for (std::size_t block = 0; block < full.size(); block += 34) std::memset(&full[block + 2], 0x80, 32);
      sources.push_back(full);
    }
  }
  for (const auto& source : sources) {
    const Packed p = pack(type, kRows, kCols, source);
    const Activations a = make_inputs(29, kCols, random);
    const std::vector<float> expected = product(scalar_kernels(), p, a, 0);
    for (const simd::Isa isa : {simd::Isa::kScalar, simd::Isa::kAvx2, simd::Isa::kAvx512}) {
      if (!simd::isa_supported(isa)) continue;
      const KernelTable& kernels = kernels_for(isa);
      EXPECT_EQ(
          std::memcmp(product(kernels, p, a, 0).data(), expected.data(), expected.size() * sizeof(float)), 0)
          << simd::isa_name(isa);
      for (std::size_t count = 1; count <= kTileRows; ++count) {
        std::vector<float> tile(count * quant::kPanelRows);
        kernels.panel_product(type)(p.matrix, 0, inputs_of(a), count, tile.data());
        EXPECT_EQ(std::memcmp(tile.data(), expected.data(), tile.size() * sizeof(float)), 0)
            << simd::isa_name(isa) << " " << count;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, PanelProduct,
                         testing::ValuesIn(quant::weight_types().begin(), quant::weight_types().end()),
                         [](const auto& p) {
                           return std::string(gguf::tensor_type_traits(p.param->type)->name);
                         });

}  // namespace
}  // namespace zswarm::ops
