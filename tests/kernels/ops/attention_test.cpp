#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/ops/kernel_table.h"
#include "kernels/quant/half.h"

namespace zswarm::ops {
namespace {

/// One sequence's keys and values in scattered pages, and queries at given positions.
struct Scene {
  std::size_t dim, keys_count;
  std::vector<std::uint16_t> keys, values;
  std::vector<std::uint32_t> pages;
  std::vector<float> queries;
  std::vector<std::uint32_t> positions;

  Scene(std::size_t head_dim, std::size_t count, std::vector<std::uint32_t> at, std::uint64_t seed)
      : dim(head_dim), keys_count(count), positions(std::move(at)) {
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    const std::size_t page_count = (count + 31) / 32;
    keys.resize(2 * page_count * 32 * dim);
    values.resize(keys.size());
    for (auto& k : keys) k = quant::float_to_half(normal(random));
    for (auto& v : values) v = quant::float_to_half(normal(random));
    for (std::size_t i = 0; i < page_count; ++i)
      pages.push_back(static_cast<std::uint32_t>(2 * (page_count - 1 - i) + 1));
    queries.resize(positions.size() * dim);
    for (float& q : queries) q = normal(random) / std::sqrt(static_cast<float>(dim)) * 2;
  }

  [[nodiscard]] double key(std::size_t j, std::size_t d) const {
    return quant::half_to_float(keys[pages[j / 32] * 32 * dim + (j % 32 / 16) * dim * 16 + d * 16 + j % 16]);
  }
  [[nodiscard]] double value(std::size_t j, std::size_t d) const {
    return quant::half_to_float(values[pages[j / 32] * 32 * dim + j % 32 * dim + d]);
  }

  /// Rows [first, first + count) in one call.
  void run(const KernelTable& kernels, std::size_t first, std::size_t count, std::vector<float>& out) const {
    std::vector<const float*> q;
    std::vector<float*> o;
    for (std::size_t r = first; r < first + count; ++r) {
      q.push_back(&queries[r * dim]);
      o.push_back(&out[r * dim]);
    }
    kernels.attention({q.data(), o.data(), positions.data() + first, count, dim, keys.data(), values.data(),
                       32 * dim, pages.data()});
  }

  [[nodiscard]] std::vector<float> all(const KernelTable& kernels, std::size_t batch) const {
    std::vector<float> out(queries.size());
    for (std::size_t r = 0; r < positions.size(); r += batch)
      run(kernels, r, std::min(batch, positions.size() - r), out);
    return out;
  }
};

TEST(Attention, is_the_softmax_weighted_mean_of_the_values_seen) {
  for (const std::size_t dim : {16u, 32u, 48u, 64u, 80u, 128u, 256u, 512u}) {
    const Scene scene(dim, 100, {0, 1, 15, 16, 31, 32, 63, 64, 98, 99}, dim);
    const std::vector<float> found = scene.all(scalar_kernels(), 4);
    for (std::size_t r = 0; r < scene.positions.size(); ++r) {
      std::vector<double> p;
      double sum = 0;
      for (std::size_t j = 0; j <= scene.positions[r]; ++j) {
        double s = 0;
        for (std::size_t d = 0; d < dim; ++d)
          s += static_cast<double>(scene.queries[r * dim + d]) * scene.key(j, d);
        p.push_back(std::exp(s));
        sum += p.back();
      }
      for (std::size_t d = 0; d < dim; ++d) {
        double expected = 0;
        for (std::size_t j = 0; j < p.size(); ++j) expected += p[j] / sum * scene.value(j, d);
        ASSERT_NEAR(found[r * dim + d], expected, 5e-6 * (1 + std::fabs(expected)))
            << "dim " << dim << " row " << r;
      }
    }
  }
}

TEST(Attention, has_the_same_bits_on_every_instruction_set_and_however_rows_are_grouped) {
  std::vector<std::uint32_t> positions;
  for (std::uint32_t i = 0; i < 37; ++i) positions.push_back(i * 5 % 150);
  for (const std::size_t dim : {16u, 64u, 96u, 128u}) {
    const Scene scene(dim, 150, positions, 99 + dim);
    const std::vector<float> expected = scene.all(scalar_kernels(), 1);
    for (const simd::Isa isa : {simd::Isa::kScalar, simd::Isa::kAvx2, simd::Isa::kAvx512}) {
      if (!simd::isa_supported(isa)) continue;
      for (const std::size_t batch : {1u, 2u, 3u, 4u, 5u, 7u, 16u, 37u}) {
        const std::vector<float> found = scene.all(kernels_for(isa), batch);
        EXPECT_EQ(std::memcmp(found.data(), expected.data(), found.size() * sizeof(float)), 0)
            << simd::isa_name(isa) << " dim " << dim << " batch " << batch;
      }
    }
  }
}

TEST(Attention, does_not_look_at_keys_after_the_position) {
  Scene scene(64, 64, {40}, 1);
  const std::vector<float> expected = scene.all(kernels_for(simd::active_isa()), 1);
  for (std::size_t j = 41; j < 64; ++j) {
    for (std::size_t d = 0; d < 64; ++d) {
      scene.keys[scene.pages[1] * 32 * 64 + (j % 32 / 16) * 64 * 16 + d * 16 + j % 16] = 0x7e00;  // NaN
      scene.values[scene.pages[1] * 32 * 64 + j % 32 * 64 + d] = 0x7e00;
    }
  }
  EXPECT_EQ(scene.all(kernels_for(simd::active_isa()), 1), expected);
}

}  // namespace
}  // namespace zswarm::ops
