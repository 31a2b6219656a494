// Products of a panel of 16 weight rows with a tile of input rows, for every weight type: templates over the
// lanes of an instruction set.
//
// The one fixed order of summation. For each block of 32 inputs, in order:
//     i    = sum of (code - offset) * q                      exact, int32: 256 * sum of code * high + sum of
//     code * low - offset * sum of q acc  = fma(float(i), (d * integer scale) * d_input, acc) acc  = fma(m,
//     sum of inputs, acc)                      types with a min; m = -dmin * min, or the block's m
// Types with a scale per 16 weights take the first line for the lower, then for the upper half, then likewise
// the second. d * integer scale is exact (11 + 8 bits); float(i) rounds once, to nearest. Float types: acc =
// fma(weight, input, acc), input by input.
//
// Included by kernels_*.cpp only. Everything is a template over L, so that no code compiled for one
// instruction set can be linked into another's place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/gguf/types.h"
#include "kernels/ops/block_meta.h"
#include "kernels/ops/kernel_table.h"

namespace zswarm::ops {

using quant::Codec;
using quant::Scheme;

constexpr int log2_of(int power) {
  return power <= 1 ? 0 : 1 + log2_of(power / 2);
}

constexpr std::size_t code_block_bytes(Codec codec) {
  switch (codec) {
    case Codec::kBits2:
      return 128;
    case Codec::kBits3:
      return 192;
    case Codec::kBits5:
      return 320;
    case Codec::kBits6:
      return 384;
    case Codec::kBits8:
      return 512;
    default:
      return 256;
  }
}

constexpr bool is_wide(Codec codec) {
  return codec == Codec::kBits8 || codec == Codec::kTable4;
}

/// Moves bit `From` of every byte to bit `To` and masks; neighbouring bits are cut off.
template <class L, int From, int To>
typename L::B move_bits(typename L::B v, int mask) {
  const auto m = static_cast<std::uint8_t>(mask);
  if constexpr (From > To) return L::bytes_and(L::template shift_right16<From - To>(v), m);
  if constexpr (From < To) return L::bytes_and(L::template shift_left16<To - From>(v), m);
  return L::bytes_and(v, m);
}

/// Calls f with 0, 1, … N-1 as compile-time constants.
template <int N, class F, int... K>
[[gnu::always_inline]] inline void unrolled(F f) {
  if constexpr (sizeof...(K) < N) {
    unrolled<N, F, K..., static_cast<int>(sizeof...(K))>(f);
  } else {
    (f(std::integral_constant<int, K>{}), ...);
  }
}

/// The eight code vectors of a block. `p` points at this half's bytes of the first vector.
template <class L, Codec C>
[[gnu::always_inline]] inline void load_codes(const std::uint8_t* p, typename L::B (&w)[8]) {
  constexpr bool kNibbles =
      C == Codec::kBits4 || C == Codec::kBits5 || C == Codec::kBits6 || C == Codec::kTable4;
  if constexpr (C == Codec::kBits8) {
    unrolled<8>([&](auto g) { w[g] = L::load_bytes(p + 64 * g); });
  } else if constexpr (kNibbles) {
    unrolled<4>([&](auto j) {
      const typename L::B v = L::load_bytes(p + 64 * j);
      w[j] = L::bytes_and(v, 15);
      w[j + 4] = L::bytes_and(L::template shift_right16<4>(v), 15);
    });
  } else {
    unrolled<2>([&](auto j) {
      const typename L::B v = L::load_bytes(p + 64 * j);
      unrolled<4>([&](auto i) { w[4 * j + i] = move_bits<L, 2 * i, 0>(v, 3); });
    });
  }
  if constexpr (C == Codec::kTable4) {
    unrolled<8>([&](auto g) { w[g] = L::lookup(quant::kIq4Table, w[g]); });
  } else if constexpr (C == Codec::kBits5) {
    const typename L::B v = L::load_bytes(p + 256);
    unrolled<8>([&](auto g) { w[g] = L::bytes_or(w[g], move_bits<L, g, 4>(v, 16)); });
  } else if constexpr (C == Codec::kBits3) {
    const typename L::B v = L::load_bytes(p + 128);
    unrolled<8>([&](auto g) { w[g] = L::bytes_or(w[g], move_bits<L, g, 2>(v, 4)); });
  } else if constexpr (C == Codec::kBits6) {
    unrolled<2>([&](auto j) {
      const typename L::B v = L::load_bytes(p + 256 + 64 * j);
      unrolled<4>([&](auto i) { w[4 * j + i] = L::bytes_or(w[4 * j + i], move_bits<L, 2 * i, 4>(v, 48)); });
    });
  }
}

/// Scales of one block for kLanes rows: of the whole block in low, or of its two halves.
template <class L>
struct BlockScales {
  typename L::F low, high, min_low, min_high;
};

/// Blocks that share a header of scales: the super-block of the K-quants, or one.
constexpr std::size_t group_blocks(Scheme scheme) {
  return scheme == Scheme::kPlain || scheme == Scheme::kPlainMin ? 1 : 8;
}

constexpr std::size_t header_bytes(Scheme scheme) {
  switch (scheme) {
    case Scheme::kPlain:
      return 32;
    case Scheme::kPlainMin:
      return 64;
    case Scheme::kSuper32:
      return 160;
    case Scheme::kSuper16:
      return 288;
    default:
      return 320;
  }
}

/// Reads the scales of block `part` of a group. `p` points at the group's header; `lane` is the first row of
/// this half.
template <class L, Scheme S>
[[gnu::always_inline]] inline BlockScales<L> load_scales(const std::uint8_t* p, std::size_t part,
                                                         std::size_t lane) {
  BlockScales<L> s;
  const auto halves = [&](const std::uint8_t* q) {
    return L::load_f16(reinterpret_cast<const std::uint16_t*>(q) + lane);
  };
  if constexpr (S == Scheme::kPlain) {
    s.low = halves(p);
  } else if constexpr (S == Scheme::kPlainMin) {
    s.low = halves(p);
    s.min_low = halves(p + 32);
  } else if constexpr (S == Scheme::kSuper32) {
    const auto* scale = reinterpret_cast<const std::int8_t*>(p + 32 + part * 16) + lane;
    s.low = L::mul(halves(p), L::to_float(L::load_s8(scale)));
  } else if constexpr (S == Scheme::kSuper32Min) {
    const std::uint8_t* pair = p + 64 + part * 32 + lane;
    s.low = L::mul(halves(p), L::to_float(L::load_u8(pair)));
    s.min_low = L::mul(L::sub(L::zero(), halves(p + 32)), L::to_float(L::load_u8(pair + 16)));
  } else if constexpr (S == Scheme::kSuper16) {
    const auto* scale = reinterpret_cast<const std::int8_t*>(p + 32 + part * 32) + lane;
    const typename L::F d = halves(p);
    s.low = L::mul(d, L::to_float(L::load_s8(scale)));
    s.high = L::mul(d, L::to_float(L::load_s8(scale + 16)));
  } else {
    const std::uint8_t* pair = p + 64 + part * 32;
    alignas(16) std::uint8_t scale[32], min[32];
    for (int i = 0; i < 32; ++i) {
      scale[i] = pair[i] & 15;
      min[i] = pair[i] >> 4;
    }
    const typename L::F d = halves(p), minus_dmin = L::sub(L::zero(), halves(p + 32));
    s.low = L::mul(d, L::to_float(L::load_u8(scale + lane)));
    s.high = L::mul(d, L::to_float(L::load_u8(scale + 16 + lane)));
    s.min_low = L::mul(minus_dmin, L::to_float(L::load_u8(min + lane)));
    s.min_high = L::mul(minus_dmin, L::to_float(L::load_u8(min + 16 + lane)));
  }
  return s;
}

/// Four code vectors (half a block) times 16 inputs, onto `start`.
template <class L, Codec C>
[[gnu::always_inline]] inline typename L::I dot16(typename L::I start, const typename L::B* w,
                                                  const std::int8_t* x) {
  unrolled<4>([&](auto g) {
    start = is_wide(C) ? L::dot4_wide(start, w[g], x + 4 * g) : L::dot4(start, w[g], x + 4 * g);
  });
  return start;
}

template <class L, int Offset>
[[gnu::always_inline]] inline typename L::I start_at(std::int32_t minus_codes) {
  if constexpr (Offset == 0) return L::int_set1(0);
  return L::template int_shift_left<log2_of(Offset)>(L::int_set1(minus_codes));
}

constexpr bool is_split(Scheme scheme) {
  return scheme == Scheme::kSuper16 || scheme == Scheme::kSuper16Min;
}

/// 256 * high + low
template <class L>
[[gnu::always_inline]] inline typename L::I joined(typename L::I high, typename L::I low) {
  return L::int_add(L::template int_shift_left<8>(high), low);
}

/// Advances one row's accumulator by one block. x: 32 high bytes, 32 low bytes.
template <class L, Codec C, Scheme S, int Offset>
[[gnu::always_inline]] inline typename L::F add_block(typename L::F acc, const typename L::B (&w)[8],
                                                      const BlockScales<L>& s, const std::int8_t* x,
                                                      const BlockMeta& meta) {
  const typename L::F d = L::set1(meta.d);
  const typename L::I none = L::int_set1(0);
  if constexpr (is_split(S)) {
    const typename L::I first =
        joined<L>(dot16<L, C>(none, w, x), dot16<L, C>(start_at<L, Offset>(meta.minus_codes_low), w, x + 32));
    const typename L::I last =
        joined<L>(dot16<L, C>(none, w + 4, x + 16),
                  dot16<L, C>(start_at<L, Offset>(meta.minus_codes_high), w + 4, x + 48));
    acc = L::fma(L::to_float(first), L::mul(s.low, d), acc);
    acc = L::fma(L::to_float(last), L::mul(s.high, d), acc);
  } else {
    const typename L::I high = dot16<L, C>(dot16<L, C>(none, w, x), w + 4, x + 16);
    const typename L::I low =
        dot16<L, C>(dot16<L, C>(start_at<L, Offset>(meta.minus_codes), w, x + 32), w + 4, x + 48);
    acc = L::fma(L::to_float(joined<L>(high, low)), L::mul(s.low, d), acc);
  }
  if constexpr (S == Scheme::kPlainMin || S == Scheme::kSuper32Min) {
    acc = L::fma(s.min_low, L::set1(meta.sum), acc);
  } else if constexpr (S == Scheme::kSuper16Min) {
    acc = L::fma(s.min_low, L::set1(meta.sum_low), acc);
    acc = L::fma(s.min_high, L::set1(meta.sum_high), acc);
  }
  return acc;
}

template <class L, Codec C, Scheme S, int Offset, int T>
void quantised_tile(const quant::PackedMatrix& m, std::size_t panel, const PanelInputs& in, float* tile) {
  constexpr std::size_t kBlocks = group_blocks(S);
  const std::size_t groups = m.cols / (kBlocks * quant::kBlock);
  for (std::size_t lane = 0; lane < quant::kPanelRows; lane += L::kLanes) {
    typename L::F acc[T];
    unrolled<T>([&](auto t) { acc[t] = L::zero(); });
    const std::uint8_t* header = m.panel(panel);
    const std::int8_t* x = in.codes;
    const BlockMeta* meta = in.meta;
    for (std::size_t g = 0; g < groups; ++g) {
      const std::uint8_t* codes = header + header_bytes(S);
      for (std::size_t part = 0; part < kBlocks; ++part) {
        typename L::B w[8];
        load_codes<L, C>(codes + 4 * lane, w);
        const BlockScales<L> s = load_scales<L, S>(header, part, lane);
        unrolled<T>(
            [&](auto t) { acc[t] = add_block<L, C, S, Offset>(acc[t], w, s, x + kCodeBytes * t, meta[t]); });
        codes += code_block_bytes(C);
        x += kCodeBytes * in.block_rows;
        meta += in.block_rows;
      }
      header = codes;
    }
    unrolled<T>([&](auto t) { L::store(tile + quant::kPanelRows * t + lane, acc[t]); });
  }
}

template <class L, Codec C>
[[gnu::always_inline]] inline typename L::F load_floats(const std::uint8_t* p, std::size_t index) {
  if constexpr (C == Codec::kF32) return L::load(reinterpret_cast<const float*>(p) + index);
  const auto* halves = reinterpret_cast<const std::uint16_t*>(p) + index;
  return C == Codec::kF16 ? L::load_f16(halves) : L::load_bf16(halves);
}

template <class L, Codec C, int T>
void float_tile(const quant::PackedMatrix& m, std::size_t panel, const PanelInputs& in, float* tile) {
  const std::uint8_t* p = m.panel(panel);
  for (std::size_t lane = 0; lane < quant::kPanelRows; lane += L::kLanes) {
    typename L::F acc[T];
    unrolled<T>([&](auto t) { acc[t] = L::zero(); });
    for (std::size_t k = 0; k < m.cols; ++k) {
      const typename L::F w = load_floats<L, C>(p, k * quant::kPanelRows + lane);
      unrolled<T>([&](auto t) { acc[t] = L::fma(w, L::set1(in.values[t * in.value_stride + k]), acc[t]); });
    }
    unrolled<T>([&](auto t) { L::store(tile + quant::kPanelRows * t + lane, acc[t]); });
  }
}

/// Cuts `count` rows into tiles of sizes that are compiled: body.template operator()<T>(first row).
template <int Largest, class Body>
void for_tiles(std::size_t count, Body body) {
  std::size_t done = 0;
  while (done < count) {
    const std::size_t left = count - done;
    if constexpr (Largest >= 12) {
      if (left >= 12) {
        body(std::integral_constant<int, 12>{}, done);
        done += 12;
        continue;
      }
    }
    if constexpr (Largest >= 8) {
      if (left >= 8) {
        body(std::integral_constant<int, 8>{}, done);
        done += 8;
        continue;
      }
    }
    if (left >= 4) {
      body(std::integral_constant<int, 4>{}, done);
      done += 4;
    } else if (left >= 2) {
      body(std::integral_constant<int, 2>{}, done);
      done += 2;
    } else {
      body(std::integral_constant<int, 1>{}, done);
      done += 1;
    }
  }
}

template <class L>
PanelInputs advanced(const PanelInputs& in, std::size_t rows) {
  return {in.codes + kCodeBytes * rows, in.meta + rows, in.values + rows * in.value_stride, in.block_rows,
          in.value_stride};
}

template <class L, Codec C, Scheme S, int Offset>
void quantised_product(const quant::PackedMatrix& m, std::size_t panel, const PanelInputs& in,
                       std::size_t count, float* tile) {
  for_tiles<L::kTile>(count, [&](auto size, std::size_t first) {
    quantised_tile<L, C, S, Offset, decltype(size)::value>(m, panel, advanced<L>(in, first),
                                                           tile + first * quant::kPanelRows);
  });
}

template <class L, Codec C>
void float_product(const quant::PackedMatrix& m, std::size_t panel, const PanelInputs& in, std::size_t count,
                   float* tile) {
  for_tiles<L::kTile>(count, [&](auto size, std::size_t first) {
    float_tile<L, C, decltype(size)::value>(m, panel, advanced<L>(in, first),
                                            tile + first * quant::kPanelRows);
  });
}

template <class L>
PanelProduct panel_product_for(const quant::WeightType& type) {
  using gguf::TensorType;
  switch (type.type) {
    case TensorType::kF32:
      return float_product<L, Codec::kF32>;
    case TensorType::kF16:
      return float_product<L, Codec::kF16>;
    case TensorType::kBF16:
      return float_product<L, Codec::kBF16>;
    case TensorType::kQ8_0:
      return quantised_product<L, Codec::kBits8, Scheme::kPlain, 128>;
    case TensorType::kQ4_0:
      return quantised_product<L, Codec::kBits4, Scheme::kPlain, 8>;
    case TensorType::kQ4_1:
      return quantised_product<L, Codec::kBits4, Scheme::kPlainMin, 0>;
    case TensorType::kQ5_0:
      return quantised_product<L, Codec::kBits5, Scheme::kPlain, 16>;
    case TensorType::kQ5_1:
      return quantised_product<L, Codec::kBits5, Scheme::kPlainMin, 0>;
    case TensorType::kQ2_K:
      return quantised_product<L, Codec::kBits2, Scheme::kSuper16Min, 0>;
    case TensorType::kQ3_K:
      return quantised_product<L, Codec::kBits3, Scheme::kSuper16, 4>;
    case TensorType::kQ4_K:
      return quantised_product<L, Codec::kBits4, Scheme::kSuper32Min, 0>;
    case TensorType::kQ5_K:
      return quantised_product<L, Codec::kBits5, Scheme::kSuper32Min, 0>;
    case TensorType::kQ6_K:
      return quantised_product<L, Codec::kBits6, Scheme::kSuper16, 32>;
    case TensorType::kIQ4_NL:
      return quantised_product<L, Codec::kTable4, Scheme::kPlain, 128>;
    case TensorType::kIQ4_XS:
      return quantised_product<L, Codec::kTable4, Scheme::kSuper32, 128>;
  }
  return nullptr;
}

}  // namespace zswarm::ops
