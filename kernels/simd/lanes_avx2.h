// Eight lanes with AVX2, FMA and F16C. Contract: lanes_scalar.h. Included by *_avx2.cpp only.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace zswarm::simd {

struct Avx2Lanes {
  static constexpr int kLanes = 8;
  static constexpr int kTile = 4;           // input rows per panel product: as many as the registers hold
  static constexpr int kAttentionRows = 2;  // query rows that share one pass over keys and values
  using F = __m256;
  using I = __m256i;
  struct B {
    __m256i v;
  };

  static F zero() { return _mm256_setzero_ps(); }
  static F set1(float x) { return _mm256_set1_ps(x); }
  static F load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, F a) { _mm256_storeu_ps(p, a); }
  static F add(F a, F b) { return _mm256_add_ps(a, b); }
  static F sub(F a, F b) { return _mm256_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static F div(F a, F b) { return _mm256_div_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  static F max(F a, F b) { return _mm256_max_ps(a, b); }
  static F min(F a, F b) { return _mm256_min_ps(a, b); }
  static F abs(F a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
  static F round(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static F select_less(F a, F b, F x, F y) { return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
  static F first_lanes(int count, F a, F b) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane);
    return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(mask));
  }

  static F load_f16(const std::uint16_t* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static void store_f16(std::uint16_t* p, F a) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static F load_bf16(const std::uint16_t* p) {
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
  }

  static I int_set1(std::int32_t x) { return _mm256_set1_epi32(x); }
  static I int_add(I a, I b) { return _mm256_add_epi32(a, b); }
  template <int kBits>
  static I int_shift_left(I a) {
    return _mm256_slli_epi32(a, kBits);
  }
  static F to_float(I a) { return _mm256_cvtepi32_ps(a); }
  static I to_int(F a) { return _mm256_cvtps_epi32(a); }
  static I load_s8(const std::int8_t* p) {
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  static I load_u8(const std::uint8_t* p) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  static F pow2(I n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
  }

  static B load_bytes(const std::uint8_t* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
  }
  static B bytes_and(B a, std::uint8_t mask) {
    return {_mm256_and_si256(a.v, _mm256_set1_epi8(static_cast<char>(mask)))};
  }
  static B bytes_or(B a, B b) { return {_mm256_or_si256(a.v, b.v)}; }
  template <int kBits>
  static B shift_right16(B a) {
    return {_mm256_srli_epi16(a.v, kBits)};
  }
  template <int kBits>
  static B shift_left16(B a) {
    return {_mm256_slli_epi16(a.v, kBits)};
  }
  static B lookup(const std::uint8_t* table, B a) {
    const __m128i t = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return {_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(t), a.v)};
  }

  // vpmaddubsw adds two products in 16 bits: exact for w <= 127 (127 * 127 * 2 = 32,258).
  static I dot4(I acc, B w, const std::int8_t* x) {
    const __m256i pairs = _mm256_maddubs_epi16(w.v, four(x));
    return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  // Weights up to 255 would saturate there: even and odd bytes are multiplied in 16-bit lanes instead.
  static I dot4_wide(I acc, B w, const std::int8_t* x) {
    const __m256i b = four(x);
    const __m256i even = _mm256_madd_epi16(_mm256_and_si256(w.v, _mm256_set1_epi16(0xff)),
                                           _mm256_srai_epi16(_mm256_slli_epi16(b, 8), 8));
    const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(w.v, 8), _mm256_srai_epi16(b, 8));
    return _mm256_add_epi32(acc, _mm256_add_epi32(even, odd));
  }

 private:
  static __m256i four(const std::int8_t* x) {
    std::int32_t bytes;
    std::memcpy(&bytes, x, sizeof bytes);
    return _mm256_set1_epi32(bytes);
  }
};

}  // namespace zswarm::simd
