// A weight matrix [rows (outputs), cols (inputs)] repacked into panels of 16 rows. See weight_type.h for why.
//
// Layout of one panel, for quantised types: group after group, each a header of scales and then codes, so
// that a product reads one unbroken stream. (Scales apart from codes halve the speed of reading on Zen 4,
// whose prefetchers follow one stream well.)
//
// A group is one block of 32 inputs, or the super-block of 256. Its header:
//   kPlain        d[16]                                                    float16
//   kPlainMin     d[16] m[16]                                              float16
//   kSuper32      d[16], 8 x scale[16]                                     float16, int8
//   kSuper32Min   d[16] dmin[16], 8 x (scale[16] min[16])                  float16, uint8
//   kSuper16      d[16], 16 x scale[16]                                    float16, int8
//   kSuper16Min   d[16] dmin[16], 16 x (scale | min << 4)[16]              float16, uint8
//
// Codes, block by block: eight quads g of four inputs; in the vector of a quad, byte 4 r + k belongs to row
// r, input 4 g + k.
//   kBits8        8 vectors of 64 bytes, one per quad
//   kBits4        4 vectors: quad j in the low, quad j + 4 in the high half of vector j
//   kBits5        as kBits4, then 1 vector: bit g is the fifth bit of quad g
//   kBits6        as kBits4, then 2 vectors: bits 2 i of vector j are the upper bits of quad 4 j + i
//   kBits2        2 vectors: bits 2 i of vector j are quad 4 j + i
//   kBits3        as kBits2, then 1 vector: bit g is the third bit of quad g
//
// Float types: for each input the 16 rows' values. Rows that the matrix does not have are zeros.
//
// A PackedMatrix does not own its memory (the model's arena does). Immutable after packing; any thread may
// read.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/quant/weight_type.h"

namespace zswarm::quant {

struct PackedMatrix {
  const WeightType* type = nullptr;
  std::size_t rows = 0, cols = 0;
  std::size_t panel_bytes = 0;  // multiple of 64
  std::size_t panel_stride =
      0;  // from one panel to the next: panel_bytes, or more if another matrix's panels lie between
  const std::uint8_t* data = nullptr;

  [[nodiscard]] std::size_t panels() const { return (rows + kPanelRows - 1) / kPanelRows; }
  [[nodiscard]] std::size_t bytes() const { return panels() * panel_bytes; }
  [[nodiscard]] const std::uint8_t* panel(std::size_t index) const { return data + index * panel_stride; }
};

/// Shape and sizes, without memory. cols must be a multiple of the type's block.
[[nodiscard]] PackedMatrix packed_shape(const WeightType& type, std::size_t rows, std::size_t cols);

/// Repacks one panel: `source` is the matrix as in the file, row after row; `target` panel_bytes of memory.
void pack_panel(const PackedMatrix& shape, std::size_t panel, const std::byte* source, std::uint8_t* target);

/// Decodes one row back to float, with the same values as decode_row(): cols floats.
void unpack_row(const PackedMatrix& matrix, std::size_t row, float* out);

/// Bytes of a group's header, and of codes per block of 32.
[[nodiscard]] std::size_t scheme_bytes(Scheme scheme);
[[nodiscard]] std::size_t codec_bytes(Codec codec);

}  // namespace zswarm::quant
