// exp, silu, RMS norm and quantisation over lanes. Included by kernels_*.cpp only; see panel_product_impl.h
// for why all are templates.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/ops/block_meta.h"

namespace zswarm::ops {

/// e^x with an error below 1.5 units in the last place; 0 below -87.3, about 2.4e38 above 88.37; NaN stays
/// NaN. Range reduction and polynomial (degree 5 in r after 1 + r) as in Cephes' expf by S. Moshier.
template <class L>
[[gnu::always_inline]] inline typename L::F exponential(typename L::F x) {
  using F = typename L::F;
  const F low = L::set1(-87.3f);
  F y = L::min(L::set1(88.37f), L::max(low, x));  // NaN is the second operand, and stays
  const F n = L::round(L::mul(y, L::set1(1.44269504088896341f)));
  y = L::fma(n, L::set1(-0.693359375f),
             y);  // ln 2 in two parts; the first has few bits, so that the product is exact
  y = L::fma(n, L::set1(2.12194440e-4f), y);
  F p = L::set1(1.9875691500e-4f);
  p = L::fma(p, y, L::set1(1.3981999507e-3f));
  p = L::fma(p, y, L::set1(8.3334519073e-3f));
  p = L::fma(p, y, L::set1(4.1665795894e-2f));
  p = L::fma(p, y, L::set1(1.6666665459e-1f));
  p = L::fma(p, y, L::set1(5.0000001201e-1f));
  p = L::fma(p, L::mul(y, y), y);
  p = L::add(p, L::set1(1.0f));
  return L::select_less(x, low, L::zero(), L::mul(p, L::pow2(L::to_int(n))));
}

/// Sum of 16 floats in the order ((0+8)+(4+12)) + …: halves are added until one is left.
template <class L>
float tree_sum(const float* v) {
  float a[8];
  for (int i = 0; i < 8; ++i) a[i] = v[i] + v[i + 8];
  for (int i = 0; i < 4; ++i) a[i] = a[i] + a[i + 4];
  return (a[0] + a[2]) + (a[1] + a[3]);
}

template <class L>
float tree_max(const float* v) {
  float a[8];
  for (int i = 0; i < 8; ++i) a[i] = v[i] > v[i + 8] ? v[i] : v[i + 8];
  for (int i = 0; i < 4; ++i) a[i] = a[i] > a[i + 4] ? a[i] : a[i + 4];
  for (int i = 0; i < 2; ++i) a[i] = a[i] > a[i + 2] ? a[i] : a[i + 2];
  return a[0] > a[1] ? a[0] : a[1];
}

template <class L>
void exponential_of(const float* x, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; i += L::kLanes) L::store(out + i, exponential<L>(L::load(x + i)));
}

template <class L>
void silu_multiply(float* gate, const float* up, std::size_t n) {
  for (std::size_t i = 0; i < n; i += L::kLanes) {
    const typename L::F x = L::load(gate + i);
    const typename L::F e = exponential<L>(L::sub(L::zero(), x));
    const typename L::F s = L::div(x, L::add(L::set1(1.0f), e));
    L::store(gate + i, L::mul(s, L::load(up + i)));
  }
}

/// The sum of squares runs in 16 lanes (lane i takes elements i, i + 16, …), then tree_sum. Padding must be
/// zero.
template <class L>
void rms_norm(const float* x, const float* weight, float epsilon, std::size_t n, float* out) {
  constexpr int kParts = 16 / L::kLanes;
  typename L::F acc[kParts];
  for (int k = 0; k < kParts; ++k) acc[k] = L::zero();
  for (std::size_t i = 0; i < n; i += 16) {
    for (int k = 0; k < kParts; ++k) {
      const typename L::F v = L::load(x + i + static_cast<std::size_t>(k * L::kLanes));
      acc[k] = L::fma(v, v, acc[k]);
    }
  }
  float lanes[16];
  for (int k = 0; k < kParts; ++k) L::store(lanes + k * L::kLanes, acc[k]);
  const float mean = tree_sum<L>(lanes) / static_cast<float>(n);
  const typename L::F scale = L::set1(1.0f / __builtin_sqrtf(mean + epsilon));
  for (std::size_t i = 0; i < n; i += L::kLanes) {
    L::store(out + i, L::mul(L::mul(L::load(x + i), scale), L::load(weight + i)));
  }
}

template <class L>
void quantise_block(const float* x, std::int8_t* codes, BlockMeta* meta) {
  float lanes[32];
  for (int i = 0; i < 16; i += L::kLanes) {
    L::store(lanes + i, L::max(L::abs(L::load(x + i)), L::abs(L::load(x + i + 16))));
  }
  const float reach = tree_max<L>(lanes);
  // Below this the reciprocal would overflow; then all inputs are as good as zero.
  const bool flat = reach < 1e-30f;
  const float inverse = flat ? 0.0f : kCodeMax / reach, d = flat ? 0.0f : reach / kCodeMax;
  for (int i = 0; i < 32; i += L::kLanes) {
    const typename L::F v = L::round(L::mul(L::load(x + i), L::set1(inverse)));
    L::store(lanes + i, L::min(L::set1(kCodeMax), L::max(L::set1(-kCodeMax), v)));
  }
  std::int32_t first = 0, last = 0;
  for (int i = 0; i < 32; ++i) {
    const float v = lanes[i] == lanes[i] ? lanes[i] : 0.0f;  // NaN has no code; an infinite d carries it on
    const auto q = static_cast<std::int32_t>(v);
    const std::int32_t high = (q + 128) >> 8;
    codes[i] = static_cast<std::int8_t>(high);
    codes[i + 32] = static_cast<std::int8_t>(q - 256 * high);
    (i < 16 ? first : last) += q;
  }
  meta->d = d;
  meta->sum = d * static_cast<float>(first + last);
  meta->sum_low = d * static_cast<float>(first);
  meta->sum_high = d * static_cast<float>(last);
  meta->minus_codes = -(first + last);
  meta->minus_codes_low = -first;
  meta->minus_codes_high = -last;
}

template <class L>
void to_half(const float* x, std::uint16_t* out, std::size_t n) {
  for (std::size_t i = 0; i < n; i += L::kLanes) L::store_f16(out + i, L::load(x + i));
}

}  // namespace zswarm::ops
