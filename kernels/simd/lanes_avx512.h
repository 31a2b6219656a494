// Sixteen lanes with AVX-512 (F, BW, VL, DQ, VNNI). Contract: lanes_scalar.h. Included by *_avx512.cpp only.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace zswarm::simd {

struct Avx512Lanes {
  static constexpr int kLanes = 16;
  static constexpr int kTile = 12;          // input rows per panel product: as many as the registers hold
  static constexpr int kAttentionRows = 4;  // query rows that share one pass over keys and values
  using F = __m512;
  using I = __m512i;
  struct B {
    __m512i v;
  };

  static F zero() { return _mm512_setzero_ps(); }
  static F set1(float x) { return _mm512_set1_ps(x); }
  static F load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, F a) { _mm512_storeu_ps(p, a); }
  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F div(F a, F b) { return _mm512_div_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static F max(F a, F b) { return _mm512_max_ps(a, b); }
  static F min(F a, F b) { return _mm512_min_ps(a, b); }
  static F abs(F a) { return _mm512_abs_ps(a); }
  static F round(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static F select_less(F a, F b, F x, F y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
  }
  static F first_lanes(int count, F a, F b) {
    const auto mask = static_cast<__mmask16>(count >= 16 ? 0xffff : (1u << count) - 1u);
    return _mm512_mask_blend_ps(mask, b, a);
  }

  static F load_f16(const std::uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static void store_f16(std::uint16_t* p, F a) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static F load_bf16(const std::uint16_t* p) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
  }

  static I int_set1(std::int32_t x) { return _mm512_set1_epi32(x); }
  static I int_add(I a, I b) { return _mm512_add_epi32(a, b); }
  template <int kBits>
  static I int_shift_left(I a) {
    return _mm512_slli_epi32(a, kBits);
  }
  static F to_float(I a) { return _mm512_cvtepi32_ps(a); }
  static I to_int(F a) { return _mm512_cvtps_epi32(a); }
  static I load_s8(const std::int8_t* p) {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static I load_u8(const std::uint8_t* p) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static F pow2(I n) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(n, _mm512_set1_epi32(127)), 23));
  }

  static B load_bytes(const std::uint8_t* p) {
    __m512i v = _mm512_loadu_si512(p);
    asm("" : "+v"(v));  // read once and in the order written, not again by each instruction that uses it
    return {v};
  }
  static B bytes_and(B a, std::uint8_t mask) {
    return {_mm512_and_si512(a.v, _mm512_set1_epi8(static_cast<char>(mask)))};
  }
  static B bytes_or(B a, B b) { return {_mm512_or_si512(a.v, b.v)}; }
  template <int kBits>
  static B shift_right16(B a) {
    return {_mm512_srli_epi16(a.v, kBits)};
  }
  template <int kBits>
  static B shift_left16(B a) {
    return {_mm512_slli_epi16(a.v, kBits)};
  }
  static B lookup(const std::uint8_t* table, B a) {
    const __m128i t = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return {_mm512_shuffle_epi8(_mm512_broadcast_i32x4(t), a.v)};
  }

  static I dot4(I acc, B w, const std::int8_t* x) {
    std::int32_t four;
    std::memcpy(&four, x, sizeof four);
    return _mm512_dpbusd_epi32(acc, w.v, _mm512_set1_epi32(four));
  }
  static I dot4_wide(I acc, B w, const std::int8_t* x) { return dot4(acc, w, x); }
};

}  // namespace zswarm::simd
