#include "kernels/ops/vmath.h"

#include <emmintrin.h>

#include <limits>

namespace zswarm::vmath {
namespace {

constexpr double kLn2 = 0x1.62e42fefa39efp-1;
constexpr double kLn2High = 0x1.62e42feep-1;  // 32 bits: exact when multiplied by an exponent
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kLog2E = 0x1.71547652b82fep+0;
constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;
// pi/2 in parts of 29, 29 and 53 bits: n times one of the first two is exact for |n| < 2^24.
constexpr double kHalfPi1 = 0x1.921fb54p+0;
constexpr double kHalfPi2 = 0x1.10b4611p-30;
constexpr double kHalfPi3 = 0x1.4c4c6628b80dcp-59;
constexpr double kRound = 0x1.8p+52;  // adding it leaves the nearest integer in the low bits
constexpr double kAngleMax = 0x1p+24;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double power_of_two(std::int64_t n) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(n + 1023) << 52);
}

/// x = 2^exponent * m with m in [sqrt(1/2), sqrt(2)); x positive and finite. Gives log(m).
struct SplitLog {
  double exponent;
  double log_m;
};

SplitLog split_log(double x) {
  std::int64_t exponent = 0;
  if (x < std::numeric_limits<double>::min()) {  // denormal
    x *= 0x1p+54;
    exponent = -54;
  }
  const auto bits = std::bit_cast<std::uint64_t>(x);
  exponent += static_cast<std::int64_t>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  if (m > 0x1.6a09e667f3bcdp+0) {
    m *= 0.5;
    ++exponent;
  }
  // log(m) = 2 atanh(s) with s = f / (2 + f), f = m - 1 (exact), |s| <= 0.172. As 2s = f - s f, the large
  // part f is not rounded: log(m) = f - s (f - q), q = 2 s^2 (1/3 + s^2/5 + ...).
  const double f = m - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  double q = 2.0 / 23;
  for (int k = 21; k >= 3; k -= 2) q = q * z + 2.0 / k;
  q *= z;
  return {static_cast<double>(exponent), f - s * (f - q)};
}

/// Result for the arguments that have no finite logarithm; 0 if x has one.
double log_special(double x) {
  if (x > 0.0 && x < kInfinity) return 0.0;
  if (x == 0.0) return -kInfinity;
  return x == kInfinity ? kInfinity : kNaN;
}

/// x minus the nearest multiple of pi/2, and which multiple (modulo 4).
struct Reduced {
  double r;
  unsigned quadrant;
};

Reduced reduce_angle(double x) {
  const double shifted = x * kTwoOverPi + kRound;
  const double n = shifted - kRound;
  const double r = ((x - n * kHalfPi1) - n * kHalfPi2) - n * kHalfPi3;
  return {r, static_cast<unsigned>(std::bit_cast<std::uint64_t>(shifted) & 3)};
}

// Both for |r| <= pi/4, where the first term left out is below 2^-60.
double sin_reduced(double r) {
  const double z = r * r;
  double p = -1.0 / (18 * 19);
  for (int k = 16; k >= 2; k -= 2) p = (1.0 + p * z) * (-1.0 / (k * (k + 1)));
  return r + r * (z * p);
}

double cos_reduced(double r) {
  const double z = r * r;
  double p = -1.0 / (19 * 20);
  for (int k = 17; k >= 3; k -= 2) p = (1.0 + p * z) * (-1.0 / (k * (k + 1)));
  return 1.0 - z * (0.5 * (1.0 + p * z));
}

/// exp(float) in four lanes, operation by operation. Every x86-64 has SSE2.
__m128 exp4(__m128 x) {
  const __m128 round = _mm_set1_ps(0x1.8p+23f);
  x = _mm_max_ps(_mm_set1_ps(-104.0f), x);  // the second operand is the result if one is NaN
  x = _mm_min_ps(_mm_set1_ps(89.0f), x);
  const __m128 shifted = _mm_add_ps(_mm_mul_ps(x, _mm_set1_ps(0x1.715476p+0f)), round);
  const __m128 n = _mm_sub_ps(shifted, round);
  const __m128 r = _mm_sub_ps(_mm_sub_ps(x, _mm_mul_ps(n, _mm_set1_ps(0x1.62e4p-1f))),
                              _mm_mul_ps(n, _mm_set1_ps(0x1.7f7d1cp-20f)));
  __m128 p = _mm_set1_ps(1.0f / 5040);
  for (const float coefficient : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f}) {
    p = _mm_add_ps(_mm_mul_ps(p, r), _mm_set1_ps(coefficient));
  }
  p = _mm_add_ps(_mm_add_ps(_mm_mul_ps(_mm_mul_ps(p, r), r), r), _mm_set1_ps(1.0f));
  const __m128i bits = _mm_sub_epi32(_mm_castps_si128(shifted), _mm_castps_si128(round));
  const __m128i half = _mm_srai_epi32(bits, 1);
  const __m128i bias = _mm_set1_epi32(127);
  const __m128i first = _mm_slli_epi32(_mm_add_epi32(half, bias), 23);
  const __m128i second = _mm_slli_epi32(_mm_add_epi32(_mm_sub_epi32(bits, half), bias), 23);
  return _mm_mul_ps(_mm_mul_ps(p, _mm_castsi128_ps(first)), _mm_castsi128_ps(second));
}

}  // namespace

void exp(std::span<float> values) {
  std::size_t i = 0;
  for (; i + 4 <= values.size(); i += 4) _mm_storeu_ps(&values[i], exp4(_mm_loadu_ps(&values[i])));
  for (; i < values.size(); ++i) values[i] = exp(values[i]);
}

double log(double x) {
  if (const double special = log_special(x); special != 0.0) return special;
  const SplitLog split = split_log(x);
  return split.exponent * kLn2High + (split.exponent * kLn2Low + split.log_m);
}

double log2(double x) {
  if (const double special = log_special(x); special != 0.0) return special;
  const SplitLog split = split_log(x);
  return split.exponent + split.log_m * kLog2E;
}

double exp2(double x) {
  if (x != x) return x;
  if (x >= 1024.0) return kInfinity;
  if (x < -1080.0) return 0.0;
  const double shifted = x + kRound;
  const double n = shifted - kRound;
  const double y = (x - n) * kLn2;  // |y| <= 0.347; the term y^14 / 14! that is left out is below 2^-57
  double p = 1.0;
  for (int k = 13; k >= 2; --k) p = 1.0 + p * (y / k);
  p = 1.0 + p * y;
  const auto exponent = static_cast<std::int64_t>(n);
  const std::int64_t half = exponent / 2;  // in two factors, as the result may be denormal
  return (p * power_of_two(half)) * power_of_two(exponent - half);
}

double pow(double base, double exponent) {
  if (!(base > 0.0)) return kNaN;
  return exp2(exponent * log2(base));
}

double sin(double x) {
  if (!(x >= -kAngleMax && x <= kAngleMax)) return kNaN;
  const Reduced reduced = reduce_angle(x);
  const double value = (reduced.quadrant & 1) != 0 ? cos_reduced(reduced.r) : sin_reduced(reduced.r);
  return (reduced.quadrant & 2) != 0 ? -value : value;
}

double cos(double x) {
  if (!(x >= -kAngleMax && x <= kAngleMax)) return kNaN;
  const Reduced reduced = reduce_angle(x);
  const double value = (reduced.quadrant & 1) != 0 ? sin_reduced(reduced.r) : cos_reduced(reduced.r);
  return ((reduced.quadrant + 1) & 2) != 0 ? -value : value;
}

}  // namespace zswarm::vmath
