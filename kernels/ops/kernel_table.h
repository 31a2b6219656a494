// The kernels of one instruction set, behind function pointers.
//
// Every function gives the same bits in every table: see kernels/simd/README.md for the rules. All are pure
// (they write only what they are told to), so any thread may call them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/quant/packed_matrix.h"
#include "kernels/simd/cpu.h"

namespace zswarm::ops {

struct BlockMeta;

inline constexpr std::size_t kTileRows = 12;  // most rows of inputs that one panel product takes

/// Inputs of a product as a kernel sees them (activations.h explains the layout).
struct PanelInputs {
  const std::int8_t* codes;  // row 0 of the tile in block 0
  const BlockMeta* meta;     // likewise
  const float* values;       // row 0 of the tile, float
  std::size_t block_rows;    // rows between one block and the next
  std::size_t value_stride;  // floats between one row and the next
};

/// tile[t][r] = sum over inputs of weight(panel row r) * input(row t), for `count` <= kTileRows rows; tile is
/// [count][16].
using PanelProduct = void (*)(const quant::PackedMatrix& matrix, std::size_t panel, const PanelInputs& inputs,
                              std::size_t count, float* tile);

/// Query rows that attend to one sequence's keys and values of one KV head.
struct AttentionTask {
  const float* const* queries;     // [rows] of head_dim floats: scaled by 1/sqrt(head_dim), rotated
  float* const* outputs;           // [rows] of head_dim floats
  const std::uint32_t* positions;  // [rows]: the row sees keys 0 .. position
  std::size_t rows;
  std::size_t head_dim;         // a multiple of 16, at most 512
  const std::uint16_t* keys;    // page 0's keys of this layer and head: [2][head_dim][16 keys] float16
  const std::uint16_t* values;  // page 0's values: [32 keys][head_dim] float16
  std::size_t page_stride;      // float16 elements between pages
  const std::uint32_t* pages;   // page table of the sequence
};

struct KernelTable {
  simd::Isa isa;
  PanelProduct (*panel_product)(const quant::WeightType& type);  // never null for a type of weight_types()
  /// Quantises one block of 32: writes its codes and meta.
  void (*quantise_block)(const float* x, std::int8_t* codes, BlockMeta* meta);
  /// out[i] = x[i] / sqrt(mean of squares + epsilon) * weight[i]; `n` values, buffers padded to multiples
  /// of 16.
  void (*rms_norm)(const float* x, const float* weight, float epsilon, std::size_t n, float* out);
  /// gate[i] = gate[i] / (1 + exp(-gate[i])) * up[i], n a multiple of 16.
  void (*silu_multiply)(float* gate, const float* up, std::size_t n);
  void (*attention)(const AttentionTask& task);
  /// To float16, to nearest even; n a multiple of 16.
  void (*to_half)(const float* x, std::uint16_t* out, std::size_t n);
  /// out[i] = exp(x[i]), n a multiple of 16. For tests of the polynomial that silu and attention use.
  void (*exponential)(const float* x, float* out, std::size_t n);
};

[[nodiscard]] const KernelTable& scalar_kernels();
[[nodiscard]] const KernelTable& avx2_kernels();    // only if isa_supported(kAvx2)
[[nodiscard]] const KernelTable& avx512_kernels();  // only if isa_supported(kAvx512)

/// The table for an instruction set, which must be supported.
[[nodiscard]] const KernelTable& kernels_for(simd::Isa isa);

}  // namespace zswarm::ops
