// Elementary functions whose results are the same bits on every x86-64.
//
// The C library's exp, log, sin differ from version to version and from processor to processor, and every
// token depends on them. These are plain IEEE additions, multiplications and divisions in the order written,
// rounding to nearest, no fused multiply-add; so neither the compiler's vectorisation nor the processor
// changes a bit. The vector forms in kernels/simd are separate functions.
//
// Pure, any thread. Error bounds are checked against the C library's long double in the tests. The scheme is
// the classical one (Muller et al., Handbook of Floating-Point Arithmetic, 2nd ed., ch. 10): reduce the
// argument with a constant split in parts whose products are exact (Cody and Waite 1980), then a Taylor
// polynomial, long enough that rounding dominates.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

namespace zswarm::vmath {

/// e^x, within 1.1 ulp. Overflow gives infinity, underflow goes through denormals to 0, NaN stays NaN.
[[nodiscard]] inline float exp(float x) {
  constexpr float kLow = -104.0f, kHigh = 89.0f;  // beyond these the result is 0 or infinite
  constexpr float kLog2E = 0x1.715476p+0f;
  constexpr float kLn2High = 0x1.62e4p-1f, kLn2Low = 0x1.7f7d1cp-20f;  // 15 bits: n * kLn2High is exact
  constexpr float kRound = 0x1.8p+23f;  // adding it leaves the nearest integer in the low bits
  x = kLow > x ? kLow : x;
  x = kHigh < x ? kHigh : x;
  const float shifted = x * kLog2E + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * kLn2High) - n * kLn2Low;  // |r| <= ln(2)/2
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = (p * r) * r + r + 1.0f;
  // 2^n in two factors, as n reaches from -150 to 128. The second product is the only one that may round.
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(kRound);
  const auto half = static_cast<std::uint32_t>(static_cast<std::int32_t>(bits) >> 1);
  const float first = std::bit_cast<float>((half + 127) << 23);
  const float second = std::bit_cast<float>((bits - half + 127) << 23);
  return (p * first) * second;
}

/// Every value by exp(float), with the same bits; four at a time.
void exp(std::span<float> values);

/// Natural logarithm, within 2 ulp; 0 gives minus infinity, negative numbers NaN.
[[nodiscard]] double log(double x);
/// Binary logarithm, within 2 ulp; exact for powers of two.
[[nodiscard]] double log2(double x);
/// 2^x, within 1.5 ulp for |x| <= 1022; 0 and infinity beyond the range of double.
[[nodiscard]] double exp2(double x);
/// base^exponent for base > 0: relative error at most 2^-52 * (2 + |exponent * log2(base)|). NaN for other
/// bases.
[[nodiscard]] double pow(double base, double exponent);

/// Sine and cosine of x radians, |x| <= 2^24: absolute error at most 2^-52. NaN beyond.
[[nodiscard]] double sin(double x);
[[nodiscard]] double cos(double x);

}  // namespace zswarm::vmath
