#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/ops/block_meta.h"
#include "kernels/ops/kernel_table.h"
#include "kernels/quant/half.h"

namespace zswarm::ops {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<const KernelTable*> tables() {
  std::vector<const KernelTable*> all;
  for (const simd::Isa isa : {simd::Isa::kScalar, simd::Isa::kAvx2, simd::Isa::kAvx512}) {
    if (simd::isa_supported(isa)) all.push_back(&kernels_for(isa));
  }
  return all;
}

/// Normal values of many magnitudes, and the awkward ones.
std::vector<float> samples(std::size_t n, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> exponent(-20, 7);
  std::vector<float> x = {0.0f,   -0.0f,  1.0f,  -1.0f, kInf,  -kInf,  kNan, 1e-40f,
                          -87.2f, -87.4f, 88.3f, 88.5f, 3e38f, -3e38f, 0.5f, 104.0f};
  while (x.size() < n) x.push_back(std::exp2(exponent(random)) * (random() % 2 != 0 ? 1.0f : -1.0f));
  return x;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;  // the sign of a NaN is nobody's business
    if (std::memcmp(&a[i], &b[i], sizeof(float)) != 0) return false;
  }
  return true;
}

TEST(VectorExponential, is_within_one_and_a_half_units_in_the_last_place) {
  std::vector<float> x, y;
  for (float v = -87.2f; v < 88.3f; v += 0.0007f) x.push_back(v);
  x.resize(x.size() / 16 * 16);
  y.resize(x.size());
  scalar_kernels().exponential(x.data(), y.data(), x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double exact = std::exp(static_cast<double>(x[i]));
    const double ulp = std::ldexp(1.0, std::ilogb(exact) - 23);
    ASSERT_NEAR(y[i], exact, 1.5 * ulp) << x[i];
  }
}

TEST(VectorExponential, is_zero_far_below_finite_far_above_and_passes_nan_on) {
  const float x[16] = {-kInf, -1000, -87.5f, kInf, 1000, kNan};
  float y[16];
  for (const KernelTable* table : tables()) {
    table->exponential(x, y, 16);
    EXPECT_EQ(y[0], 0);
    EXPECT_EQ(y[1], 0);
    EXPECT_EQ(y[2], 0);
    EXPECT_TRUE(std::isfinite(y[3]) && y[3] > 2e38f);
    EXPECT_EQ(y[4], y[3]);
    EXPECT_TRUE(std::isnan(y[5]));
    EXPECT_EQ(y[6], 1.0f);
  }
}

TEST(VectorMath, has_the_same_bits_on_every_instruction_set) {
  const std::vector<float> x = samples(512, 3), up = samples(512, 4);
  std::vector<float> reference(512), found(512);
  for (const KernelTable* table : tables()) {
    scalar_kernels().exponential(x.data(), reference.data(), 512);
    table->exponential(x.data(), found.data(), 512);
    EXPECT_TRUE(same_bits(reference, found)) << simd::isa_name(table->isa);
    reference = found = x;
    scalar_kernels().silu_multiply(reference.data(), up.data(), 512);
    table->silu_multiply(found.data(), up.data(), 512);
    EXPECT_TRUE(same_bits(reference, found)) << simd::isa_name(table->isa);
  }
}

TEST(RmsNorm, divides_by_the_root_of_the_mean_square_with_the_same_bits_everywhere) {
  std::mt19937_64 random(5);
  std::normal_distribution<float> normal;
  for (const std::size_t n : {16u, 64u, 100u, 576u, 2048u}) {
    std::vector<float> x((n + 31) / 32 * 32), weight(x.size()), reference(x.size());
    for (std::size_t i = 0; i < n; ++i) x[i] = normal(random), weight[i] = normal(random);
    scalar_kernels().rms_norm(x.data(), weight.data(), 1e-5f, n, reference.data());
    double squares = 0;
    for (const float v : x) squares += static_cast<double>(v) * v;
    const double scale = 1 / std::sqrt(squares / static_cast<double>(n) + 1e-5);
    for (std::size_t i = 0; i < n; ++i)
      EXPECT_NEAR(reference[i], x[i] * scale * weight[i], 1e-6 * (1 + std::fabs(reference[i])));
    for (const KernelTable* table : tables()) {
      std::vector<float> found(x.size());
      table->rms_norm(x.data(), weight.data(), 1e-5f, n, found.data());
      EXPECT_TRUE(same_bits(reference, found)) << simd::isa_name(table->isa) << " " << n;
    }
  }
}

struct Quantised {
  std::int8_t codes[kCodeBytes];
  BlockMeta meta;
};

Quantised quantise(const KernelTable& table, const std::vector<float>& x) {
  Quantised q{};
  table.quantise_block(x.data(), q.codes, &q.meta);
  return q;
}

TEST(QuantiseBlock, keeps_every_value_within_half_a_step_and_its_sums_exact) {
  std::mt19937_64 random(6);
  std::normal_distribution<float> normal;
  for (int round = 0; round < 200; ++round) {
    std::vector<float> x(32);
    const float size = std::exp2(static_cast<float>(round % 40 - 20));
    for (float& v : x) v = normal(random) * size + (round % 3 == 0 ? 5 * size : 0);
    if (round % 5 == 0) x[static_cast<std::size_t>(round % 32)] *= 50;
    const auto [bottom, top] = std::minmax_element(x.begin(), x.end());
    const Quantised q = quantise(scalar_kernels(), x);
    EXPECT_NEAR(q.meta.d, std::max(*top, -*bottom) / 32512, 1e-6 * q.meta.d);
    std::int32_t low = 0, high = 0;
    double sum = 0;
    for (std::size_t i = 0; i < 32; ++i) {
      const std::int32_t code = 256 * q.codes[i] + q.codes[i + 32];
      const double taken = static_cast<double>(q.meta.d) * code;
      EXPECT_NEAR(taken, x[i], 0.51 * static_cast<double>(q.meta.d));
      (i < 16 ? low : high) += code;
      sum += taken;
    }
    EXPECT_EQ(q.meta.minus_codes_low, -low);
    EXPECT_EQ(q.meta.minus_codes_high, -high);
    EXPECT_EQ(q.meta.minus_codes, -low - high);
    EXPECT_NEAR(q.meta.sum, sum, 1e-5 * (std::fabs(*top) + std::fabs(*bottom)));
    EXPECT_NEAR(q.meta.sum_low + q.meta.sum_high, sum, 1e-5 * (std::fabs(*top) + std::fabs(*bottom)));
  }
}

TEST(QuantiseBlock, takes_zeros_and_its_largest_values_exactly) {
  for (const float v : {0.0f, 1.0f, -3.5f, 1e30f, 1e-40f}) {
    const Quantised q = quantise(scalar_kernels(), std::vector<float>(32, v));
    const float taken = q.meta.d * static_cast<float>(256 * q.codes[5] + q.codes[37]);
    EXPECT_NEAR(taken, std::fabs(v) < 1e-30f ? 0.0f : v, std::fabs(v) * 1e-7f);
    EXPECT_GE(q.codes[5], -127);
  }
}

TEST(QuantiseBlock, has_the_same_bits_everywhere_also_for_zeros_infinities_and_nan) {
  std::vector<std::vector<float>> inputs;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::vector<float> x = samples(64, seed);
    inputs.emplace_back(x.begin() + 16, x.begin() + 48);
  }
  for (const float special : {0.0f, kInf, -kInf, kNan, 1e-36f, 1e-44f, 3.4e38f}) {
    std::vector<float> x(32, 0.25f);
    x[17] = special;
    inputs.push_back(x);
    inputs.emplace_back(32, special);
  }
  for (const auto& x : inputs) {
    const Quantised reference = quantise(scalar_kernels(), x);
    for (const KernelTable* table : tables()) {
      const Quantised found = quantise(*table, x);
      EXPECT_EQ(std::memcmp(found.codes, reference.codes, kCodeBytes), 0) << simd::isa_name(table->isa);
      EXPECT_EQ(found.meta.minus_codes, reference.meta.minus_codes);
      const BlockMeta &a = found.meta, &b = reference.meta;
      EXPECT_TRUE(same_bits({a.d, a.sum, a.sum_low, a.sum_high}, {b.d, b.sum, b.sum_low, b.sum_high}));
    }
  }
}

TEST(Half, of_every_bit_pattern_goes_to_float_and_back) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = quant::half_to_float(half);
    if (std::isnan(value)) continue;
    ASSERT_EQ(quant::float_to_half(value), half);
  }
}

TEST(Half, is_rounded_to_nearest_even_alike_on_every_instruction_set) {
  std::vector<float> x = samples(512, 9);
  for (std::uint32_t half = 0; half < 0x7c00;
       half += 7) {  // values half-way between two neighbours, and just beside
    const float a = quant::half_to_float(static_cast<std::uint16_t>(half)),
                b = quant::half_to_float(static_cast<std::uint16_t>(half + 1));
    const float middle = (a + b) / 2;
    for (const float v : {middle, std::nextafter(middle, 0.0f), std::nextafter(middle, kInf), -middle})
      x.push_back(v);
  }
  x.resize(x.size() / 16 * 16);
  std::vector<std::uint16_t> reference(x.size()), found(x.size());
  scalar_kernels().to_half(x.data(), reference.data(), x.size());
  for (const KernelTable* table : tables()) {
    table->to_half(x.data(), found.data(), x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(x[i])) continue;
      ASSERT_EQ(found[i], reference[i]) << simd::isa_name(table->isa) << " " << x[i];
    }
  }
}

}  // namespace
}  // namespace zswarm::ops
