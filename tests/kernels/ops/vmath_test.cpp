#include "kernels/ops/vmath.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace zswarm::vmath {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Distance from `value` to the true one, in units of the last place of T.
template <class T>
double ulps(T value, long double truth) {
  if (static_cast<T>(truth) == value) return 0.0;
  int exponent = 0;
  std::frexp(static_cast<double>(truth), &exponent);
  const int lowest = std::numeric_limits<T>::min_exponent;
  const long double ulp = std::ldexp(1.0L, std::max(exponent, lowest) - std::numeric_limits<T>::digits);
  return static_cast<double>(std::fabs(static_cast<long double>(value) - truth) / ulp);
}

TEST(Vmath, ExpOfFloatStaysWithinItsBound) {
  double worst = 0;
  for (std::uint32_t bits = 0; bits < 0x42d00000; bits += 397) {  // 0 to 104, all magnitudes
    for (const float sign : {1.0f, -1.0f}) {
      const float x = sign * std::bit_cast<float>(bits);
      const long double truth = std::exp(static_cast<long double>(x));
      if (truth > static_cast<long double>(std::numeric_limits<float>::max())) continue;
      worst = std::max(worst, ulps(exp(x), truth));
    }
  }
  EXPECT_LE(worst, 1.1);
  EXPECT_GT(worst, 0.1);  // the measure itself works
}

TEST(Vmath, ExpOfFloatAtTheEdges) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(exp(0.0f), 1.0f);
  EXPECT_EQ(exp(-infinity), 0.0f);
  EXPECT_EQ(exp(-1e30f), 0.0f);
  EXPECT_EQ(exp(infinity), infinity);
  EXPECT_EQ(exp(88.73f), infinity);
  EXPECT_GT(exp(-103.0f), 0.0f);  // denormal
  EXPECT_TRUE(std::isnan(exp(std::numeric_limits<float>::quiet_NaN())));
}

TEST(Vmath, ExpOfManyFloatsHasTheBitsOfExpOfOne) {
  std::mt19937 random(4);
  std::vector<float> values;
  for (int i = 0; i < 100003; ++i)
    values.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(random())));
  for (int i = -12000; i < 12000; ++i) values.push_back(static_cast<float>(i) * 0.00917f);
  auto results = values;
  exp(results);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float one = exp(values[i]);
    if (std::isnan(values[i])) {
      ASSERT_TRUE(std::isnan(one) && std::isnan(results[i]));
    } else {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(results[i]), std::bit_cast<std::uint32_t>(one)) << values[i];
    }
  }
}

// Results are part of the promise that tokens do not depend on the machine: a change of these bits changes
// answers.
TEST(Vmath, BitsAreFixed) {
  std::uint64_t hash = 1469598103934665603ull;
  const auto mix = [&](std::uint64_t bits) { hash = (hash ^ bits) * 1099511628211ull; };
  for (int i = 0; i < 20000; ++i) {
    const double x = (i - 10000) * 0.0137;
    mix(std::bit_cast<std::uint32_t>(exp(static_cast<float>(x * 0.5))));
    mix(std::bit_cast<std::uint64_t>(exp2(x)));
    mix(std::bit_cast<std::uint64_t>(log(x * x + 1e-9)));
    mix(std::bit_cast<std::uint64_t>(log2(x * x + 1e-9)));
    mix(std::bit_cast<std::uint64_t>(sin(x * 1001.0)));
    mix(std::bit_cast<std::uint64_t>(cos(x * 1001.0)));
  }
  EXPECT_EQ(hash, 0x8dbefd2b9f1f3ec3u) << "0x" << std::hex << hash;
}

TEST(Vmath, LogarithmsStayWithinTwoUlps) {
  std::mt19937_64 random(1);
  double worst_log = 0, worst_log2 = 0;
  for (int i = 0; i < 300000; ++i) {
    double x = std::bit_cast<double>(random() >> 1);  // any positive number, denormals too
    if (i % 2 == 0) x = 0.5 + static_cast<double>(random() >> 11) * 0x1p-53 * 1.5;  // and many near 1
    if (!(x > 0 && x < kInfinity)) continue;
    worst_log = std::max(worst_log, ulps(log(x), std::log(static_cast<long double>(x))));
    worst_log2 = std::max(worst_log2, ulps(log2(x), std::log2(static_cast<long double>(x))));
  }
  EXPECT_LE(worst_log, 2.0);
  EXPECT_LE(worst_log2, 2.0);
  EXPECT_EQ(log(1.0), 0.0);
  EXPECT_EQ(log(0.0), -kInfinity);
  EXPECT_EQ(log(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(log(-1.0)));
  for (int n = -1074; n < 1024; ++n) EXPECT_EQ(log2(std::ldexp(1.0, n)), n);
}

TEST(Vmath, Exp2StaysWithinItsBound) {
  std::mt19937_64 random(2);
  std::uniform_real_distribution<double> any(-1022, 1022);
  double worst = 0;
  for (int i = 0; i < 300000; ++i) {
    const double x = i % 2 == 0 ? any(random) : any(random) * 1e-3;
    worst = std::max(worst, ulps(exp2(x), std::exp2(static_cast<long double>(x))));
  }
  EXPECT_LE(worst, 1.5);
  for (int n = -1074; n < 1024; ++n) EXPECT_EQ(exp2(n), std::ldexp(1.0, n));
  EXPECT_EQ(exp2(1024.0), kInfinity);
  EXPECT_EQ(exp2(-1e300), 0.0);
  EXPECT_TRUE(std::isnan(exp2(std::nan(""))));
}

TEST(Vmath, PowStaysWithinItsBoundForRopeFrequencies) {
  for (const double base : {10000.0, 500000.0, 1e6, 1e7, 1e12, 1.5}) {
    for (int i = 0; i < 512; ++i) {
      const double exponent = -i / 512.0;
      const long double truth = std::pow(static_cast<long double>(base), static_cast<long double>(exponent));
      const double bound = 0x1p-52 * (2 + std::fabs(exponent * std::log2(base)));
      EXPECT_LE(static_cast<double>(std::fabs(pow(base, exponent) / truth - 1)), bound)
          << base << "^" << exponent;
    }
  }
  EXPECT_EQ(pow(10000.0, 0.0), 1.0);
  EXPECT_TRUE(std::isnan(pow(-1.0, 2.0)));
}

TEST(Vmath, SineAndCosineStayWithinTheirBound) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> any(-1.0, 1.0);
  double worst = 0;
  for (int i = 0; i < 400000; ++i) {
    double x = any(random) * std::ldexp(1.0, i % 32 - 7);
    if (i % 5 == 0) x = std::nearbyint(any(random) * 1e7) * 1.5707963267948966;  // near multiples of pi/2
    if (!(std::fabs(x) <= 0x1p24)) continue;
    const auto exact = static_cast<long double>(x);
    worst = std::max(worst, static_cast<double>(std::fabs(sin(x) - std::sin(exact))));
    worst = std::max(worst, static_cast<double>(std::fabs(cos(x) - std::cos(exact))));
  }
  EXPECT_LE(worst, 0x1p-52);
  EXPECT_EQ(sin(0.0), 0.0);
  EXPECT_EQ(cos(0.0), 1.0);
  EXPECT_TRUE(std::isnan(sin(0x1p24 + 1)));
  EXPECT_TRUE(std::isnan(cos(std::nan(""))));
}

}  // namespace
}  // namespace zswarm::vmath
