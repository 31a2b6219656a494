// Sixteen lanes in plain C++: the reference that the vector variants equal bit for bit.
//
// A "lanes" type is a set of static functions over F (kLanes floats), I (kLanes int32) and B (4 * kLanes
// bytes). Kernels are templates over it and are compiled once per instruction set. What must hold for all of
// them is said in README.md.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace zswarm::simd {

struct ScalarLanes {
  static constexpr int kLanes = 16;
  static constexpr int kTile = 4;           // input rows per panel product: as many as the registers hold
  static constexpr int kAttentionRows = 2;  // query rows that share one pass over keys and values
  struct F {
    float v[kLanes];
  };
  struct I {
    std::int32_t v[kLanes];
  };
  struct B {
    std::uint8_t v[4 * kLanes];
  };

  template <class Op>
  static F make(Op op) {
    F r;
    for (int i = 0; i < kLanes; ++i) r.v[i] = op(i);
    return r;
  }
  template <class Op>
  static I make_int(Op op) {
    I r;
    for (int i = 0; i < kLanes; ++i) r.v[i] = op(i);
    return r;
  }
  template <class Op>
  static B make_bytes(Op op) {
    B r;
    for (int i = 0; i < 4 * kLanes; ++i) r.v[i] = static_cast<std::uint8_t>(op(i));
    return r;
  }

  static F zero() { return set1(0.0f); }
  static F set1(float x) {
    return make([&](int) { return x; });
  }
  static F load(const float* p) {
    return make([&](int i) { return p[i]; });
  }
  static void store(float* p, const F& a) { std::memcpy(p, a.v, sizeof a.v); }
  static F add(const F& a, const F& b) {
    return make([&](int i) { return a.v[i] + b.v[i]; });
  }
  static F sub(const F& a, const F& b) {
    return make([&](int i) { return a.v[i] - b.v[i]; });
  }
  static F mul(const F& a, const F& b) {
    return make([&](int i) { return a.v[i] * b.v[i]; });
  }
  static F div(const F& a, const F& b) {
    return make([&](int i) { return a.v[i] / b.v[i]; });
  }
  static F fma(const F& a, const F& b, const F& c) {
    return make([&](int i) { return std::fma(a.v[i], b.v[i], c.v[i]); });
  }
  // As maxps and minps: the second operand if either is NaN or both are zero.
  static F max(const F& a, const F& b) {
    return make([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
  }
  static F min(const F& a, const F& b) {
    return make([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
  }
  static F abs(const F& a) {
    return make([&](int i) { return std::fabs(a.v[i]); });
  }
  static F round(const F& a) {
    return make([&](int i) { return std::nearbyint(a.v[i]); });
  }
  /// a < b ? x : y (y if either is NaN)
  static F select_less(const F& a, const F& b, const F& x, const F& y) {
    return make([&](int i) { return a.v[i] < b.v[i] ? x.v[i] : y.v[i]; });
  }
  /// Lanes below `count` from a, the others from b.
  static F first_lanes(int count, const F& a, const F& b) {
    return make([&](int i) { return i < count ? a.v[i] : b.v[i]; });
  }

  static F load_f16(const std::uint16_t* p) {
    return make([&](int i) { return half_to_float(p[i]); });
  }
  static void store_f16(std::uint16_t* p, const F& a) {
    for (int i = 0; i < kLanes; ++i) p[i] = float_to_half(a.v[i]);
  }
  static F load_bf16(const std::uint16_t* p) {
    return make([&](int i) { return from_bits(static_cast<std::uint32_t>(p[i]) << 16); });
  }

  static I int_set1(std::int32_t x) {
    return make_int([&](int) { return x; });
  }
  static I int_add(const I& a, const I& b) {
    return make_int([&](int i) { return a.v[i] + b.v[i]; });
  }
  template <int kBits>
  static I int_shift_left(const I& a) {
    return make_int(
        [&](int i) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(a.v[i]) << kBits); });
  }
  static F to_float(const I& a) {
    return make([&](int i) { return static_cast<float>(a.v[i]); });
  }
  /// To the nearest integer, ties to even; INT32_MIN for NaN and what does not fit (as cvtps2dq).
  static I to_int(const F& a) {
    return make_int([&](int i) {
      const float r = std::nearbyint(a.v[i]);
      return r >= -2147483648.0f && r < 2147483648.0f ? static_cast<std::int32_t>(r) : INT32_MIN;
    });
  }
  static I load_s8(const std::int8_t* p) {
    return make_int([&](int i) { return static_cast<std::int32_t>(p[i]); });
  }
  static I load_u8(const std::uint8_t* p) {
    return make_int([&](int i) { return static_cast<std::int32_t>(p[i]); });
  }
  /// 2^n for n in [-126, 127]
  static F pow2(const I& n) {
    return make([&](int i) { return from_bits((static_cast<std::uint32_t>(n.v[i]) + 127u) << 23); });
  }

  /// A hint that the line at p will be read soon; p need not be valid.
  static B load_bytes(const std::uint8_t* p) {
    B r;
    std::memcpy(r.v, p, sizeof r.v);
    return r;
  }
  static B bytes_and(const B& a, std::uint8_t mask) {
    return make_bytes([&](int i) { return a.v[i] & mask; });
  }
  static B bytes_or(const B& a, const B& b) {
    return make_bytes([&](int i) { return a.v[i] | b.v[i]; });
  }
  /// Shifts 16-bit units: bits from the neighbouring byte come in, so a mask must follow.
  template <int kBits>
  static B shift_right16(const B& a) {
    return shift16(a, [](std::uint32_t x) { return x >> kBits; });
  }
  template <int kBits>
  static B shift_left16(const B& a) {
    return shift16(a, [](std::uint32_t x) { return x << kBits; });
  }
  /// table[a] for bytes below 16
  static B lookup(const std::uint8_t* table, const B& a) {
    return make_bytes([&](int i) { return table[a.v[i]]; });
  }

  /// Lane i: acc + sum over k of w[4i + k] * x[k], w unsigned, x signed. Exact.
  static I dot4(const I& acc, const B& w, const std::int8_t* x) {
    return make_int([&](int i) {
      std::int32_t s = acc.v[i];
      for (int k = 0; k < 4; ++k) s += static_cast<std::int32_t>(w.v[4 * i + k]) * x[k];
      return s;
    });
  }
  /// The same; `dot4` may need all w below 128, this one does not.
  static I dot4_wide(const I& acc, const B& w, const std::int8_t* x) { return dot4(acc, w, x); }

 private:
  template <class Op>
  static B shift16(const B& a, Op op) {
    B r;
    for (int i = 0; i < 4 * kLanes; i += 2) {
      const std::uint32_t x = op(static_cast<std::uint32_t>(a.v[i] | (a.v[i + 1] << 8)));
      r.v[i] = static_cast<std::uint8_t>(x);
      r.v[i + 1] = static_cast<std::uint8_t>(x >> 8);
    }
    return r;
  }
  static float from_bits(std::uint32_t bits) {
    float f;
    std::memcpy(&f, &bits, sizeof f);
    return f;
  }
  static std::uint32_t to_bits(float f) {
    std::uint32_t bits;
    std::memcpy(&bits, &f, sizeof bits);
    return bits;
  }

 public:
  static float half_to_float(std::uint16_t h) {
    const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000u) << 16;
    const std::uint32_t exponent = (h >> 10) & 31u, mantissa = h & 0x3ffu;
    if (exponent == 31)
      return from_bits(sign | 0x7f800000u | (mantissa << 13) | (mantissa != 0 ? 0x400000u : 0u));
    if (exponent != 0) return from_bits(sign | ((exponent + 112) << 23) | (mantissa << 13));
    const float tiny = static_cast<float>(mantissa) * 0x1p-24f;  // zero or subnormal: exact
    return sign != 0 ? -tiny : tiny;
  }
  /// Rounds to nearest, ties to even; overflow gives infinity (as vcvtps2ph).
  static std::uint16_t float_to_half(float f) {
    const std::uint32_t bits = to_bits(f), magnitude = bits & 0x7fffffffu;
    const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
    if (magnitude > 0x7f800000u)
      return static_cast<std::uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
    if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // 65520 and more
    if (magnitude < 0x38800000u) {  // below 2^-14: the unit in the last place is 2^-24
      const float units = std::nearbyint(from_bits(magnitude) * 0x1p24f);
      return static_cast<std::uint16_t>(sign | static_cast<std::uint16_t>(units));
    }
    const std::uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
    return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
  }
};

}  // namespace zswarm::simd
