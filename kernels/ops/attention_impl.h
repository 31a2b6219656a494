// Attention of query rows over the paged keys and values of one KV head: templates over lanes.
//
// Online softmax (Milakov and Gimelshein 2018; FlashAttention, Dao et al. 2022) over tiles of 32 keys. Tiles
// are the pages of the KV cache, so they begin at absolute positions 0, 32, 64, … however the prompt was cut.
// For every row, tile after tile:
//     s_j = fma chain over the head's dimensions, d = 0, 1, …          one key per lane
//     m'  = max(m, s_0 … s_31),  a = exp(m - m'),  p_j = exp(s_j - m')   keys after the row's position give p
//     = 0 l   = (l * a + p_0..15) + p_16..31                                 16 lanes, summed by tree_sum at
//     the end o_d = fma chain over keys j = 0, 1, … of p_j * v_jd, from o_d * a
// A row's operations do not depend on which rows share a pass, so rows may be grouped and divided freely.
#pragma once

#include "kernels/ops/kernel_table.h"
#include "kernels/ops/panel_product_impl.h"
#include "kernels/ops/vector_math_impl.h"

namespace zswarm::ops {

inline constexpr std::size_t kTileKeys = 32;
inline constexpr std::size_t kMaxHeadDim = 512;

template <class L>
struct RowState {
  float max;
  float lanes[16];  // partial sums of p
  float out[kMaxHeadDim];
};

/// scores[r][32]: products of R query rows with the 32 keys of a tile.
template <class L, int R>
void tile_scores(const float* const* queries, const std::uint16_t* keys, std::size_t head_dim,
                 float (*scores)[kTileKeys]) {
  constexpr int kParts = 16 / L::kLanes;
  for (std::size_t group = 0; group < 2; ++group) {
    typename L::F acc[R][kParts];
    unrolled<R * kParts>([&](auto i) { acc[i / kParts][i % kParts] = L::zero(); });
    const std::uint16_t* k = keys + group * head_dim * 16;
    for (std::size_t d = 0; d < head_dim; ++d, k += 16) {
      typename L::F key[kParts];
      unrolled<kParts>([&](auto i) { key[i] = L::load_f16(k + i * L::kLanes); });
      unrolled<R>([&](auto r) {
        const typename L::F q = L::set1(queries[r][d]);
        unrolled<kParts>([&](auto i) { acc[r][i] = L::fma(q, key[i], acc[r][i]); });
      });
    }
    unrolled<R * kParts>([&](auto i) {
      L::store(scores[i / kParts] + group * 16 + (i % kParts) * L::kLanes, acc[i / kParts][i % kParts]);
    });
  }
}

/// Turns a row's scores into weights p, updates max and sum, and returns the factor for what was summed
/// before.
template <class L>
float tile_softmax(RowState<L>& state, float* scores, std::size_t valid) {
  float top[16];
  for (std::size_t i = valid; i < kTileKeys; ++i) scores[i] = -__builtin_inff();
  for (std::size_t i = 0; i < 16; ++i) top[i] = scores[i] > scores[i + 16] ? scores[i] : scores[i + 16];
  const float tile_top = tree_max<L>(top);
  const float max = state.max > tile_top ? state.max : tile_top;
  float factors[16];
  L::store(factors, exponential<L>(L::set1(state.max - max)));
  const float factor = factors[0];
  state.max = max;
  const typename L::F shift = L::set1(max), scale = L::set1(factor);
  for (int i = 0; i < 16; i += L::kLanes) {
    const typename L::F low = exponential<L>(L::sub(L::load(scores + i), shift));
    const typename L::F high = exponential<L>(L::sub(L::load(scores + 16 + i), shift));
    L::store(scores + i, low);
    L::store(scores + 16 + i, high);
    L::store(state.lanes + i, L::add(L::fma(L::load(state.lanes + i), scale, low), high));
  }
  return factor;
}

/// out = out * factor + sum over `valid` keys of p * value, for R rows.
template <class L, int R>
void tile_values(RowState<L>* states, const float* factors, const float (*weights)[kTileKeys],
                 const std::uint16_t* values, std::size_t head_dim, std::size_t valid) {
  constexpr int kVectors = R <= 2 ? 2 : 4;  // times R accumulators
  std::size_t d = 0;
  const auto columns = [&](auto width) {
    constexpr int kWidth = decltype(width)::value;
    typename L::F acc[R][kWidth];
    unrolled<R * kWidth>([&](auto i) {
      acc[i / kWidth][i % kWidth] = L::mul(L::load(states[i / kWidth].out + d + (i % kWidth) * L::kLanes),
                                           L::set1(factors[i / kWidth]));
    });
    for (std::size_t j = 0; j < valid; ++j) {
      typename L::F v[kWidth];
      unrolled<kWidth>([&](auto i) { v[i] = L::load_f16(values + j * head_dim + d + i * L::kLanes); });
      unrolled<R>([&](auto r) {
        const typename L::F p = L::set1(weights[r][j]);
        unrolled<kWidth>([&](auto i) { acc[r][i] = L::fma(p, v[i], acc[r][i]); });
      });
    }
    unrolled<R * kWidth>([&](auto i) {
      L::store(states[i / kWidth].out + d + (i % kWidth) * L::kLanes, acc[i / kWidth][i % kWidth]);
    });
    d += static_cast<std::size_t>(kWidth * L::kLanes);
  };
  while (d + static_cast<std::size_t>(kVectors * L::kLanes) <= head_dim)
    columns(std::integral_constant<int, kVectors>{});
  while (d < head_dim) columns(std::integral_constant<int, 1>{});
}

/// Tiles [first, last) for R rows that see all keys in them, or one row that sees `valid` keys of its last
/// tile.
template <class L, int R>
void attend(const AttentionTask& task, std::size_t row, RowState<L>* states, std::size_t first,
            std::size_t last, std::size_t valid_in_last) {
  float scores[R][kTileKeys];
  float factors[R];
  for (std::size_t tile = first; tile < last; ++tile) {
    const std::size_t valid = tile + 1 == last ? valid_in_last : kTileKeys;
    const std::size_t offset = task.pages[tile] * task.page_stride;
    tile_scores<L, R>(task.queries + row, task.keys + offset, task.head_dim, scores);
    for (int r = 0; r < R; ++r) factors[r] = tile_softmax<L>(states[r], scores[r], valid);
    tile_values<L, R>(states, factors, scores, task.values + offset, task.head_dim, valid);
  }
}

template <class L>
void begin_row(RowState<L>& state, std::size_t head_dim) {
  state.max = -__builtin_inff();
  for (float& lane : state.lanes) lane = 0;
  for (std::size_t d = 0; d < head_dim; ++d) state.out[d] = 0;
}

template <class L>
void end_row(const RowState<L>& state, std::size_t head_dim, float* out) {
  const typename L::F sum = L::set1(tree_sum<L>(state.lanes));
  for (std::size_t d = 0; d < head_dim; d += L::kLanes)
    L::store(out + d, L::div(L::load(state.out + d), sum));
}

/// `count` (1 .. kAttentionRows) rows from `row` on: together over the tiles that all of them see whole, then
/// each to its own end.
template <class L, int R>
void attend_rows(const AttentionTask& task, std::size_t row) {
  RowState<L> states[R];
  std::size_t common = task.positions[row] + 1;
  for (int r = 0; r < R; ++r) {
    begin_row<L>(states[r], task.head_dim);
    const std::size_t seen = task.positions[row + static_cast<std::size_t>(r)] + 1;
    common = seen < common ? seen : common;
  }
  const std::size_t shared = common / kTileKeys;
  attend<L, R>(task, row, states, 0, shared, kTileKeys);
  for (int r = 0; r < R; ++r) {
    const std::size_t index = row + static_cast<std::size_t>(r);
    const std::size_t seen = task.positions[index] + 1;
    const std::size_t tiles = (seen + kTileKeys - 1) / kTileKeys;
    if (tiles > shared) attend<L, 1>(task, index, &states[r], shared, tiles, seen - (tiles - 1) * kTileKeys);
    end_row<L>(states[r], task.head_dim, task.outputs[index]);
  }
}

template <class L>
void attention(const AttentionTask& task) {
  std::size_t row = 0;
  constexpr auto kRows = static_cast<std::size_t>(L::kAttentionRows);
  for (; row + kRows <= task.rows; row += kRows) attend_rows<L, L::kAttentionRows>(task, row);
  if constexpr (L::kAttentionRows > 2) {
    if (task.rows - row == 3) {
      attend_rows<L, 3>(task, row);
      row += 3;
    } else if (task.rows - row == 2) {
      attend_rows<L, 2>(task, row);
      row += 2;
    }
  }
  for (; row < task.rows; ++row) attend_rows<L, 1>(task, row);
}

}  // namespace zswarm::ops
