// The inputs of a matrix product: a batch of rows, as float32 and (for quantised weights) as 16-bit integers
// in blocks of 32.
//
// Quantised: block b of row t has d = (largest magnitude) / 32512 and q = round(x / d) to nearest, ties to
// even, kept as two int8 codes, q = 256 * high + low. This is the only lossy step of a product with quantised
// weights; everything after it is exact integers and one fixed chain of fused multiply-adds. Why 16 bits,
// where others take 8: with 8, SmolLM2-135M's predictions are 2.9e-3 nats from those of float32 inputs
// (1.1e-3 with the range of each block centred), enough to turn a close first word of an answer, and the
// answer with it. With 16 they are 1e-6 away. It costs the prefill about a third of its speed, and decoding,
// which waits for memory, nothing. Blocks of all rows lie side by side ([block][row]), so that a kernel walks
// them with constant offsets.
//
// Owns its memory, sized once; resized by the engine's thread only. Rows are written by any member of the
// team, each by one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/ops/block_meta.h"

namespace zswarm::ops {

class Activations {
 public:
  /// Room for `rows` rows of `width` values.
  Activations(std::size_t rows, std::size_t width)
      : width_(width),
        blocks_((width + 31) / 32),
        values_(rows * blocks_ * 32),
        codes_(values_.size() * 2),
        meta_(rows * blocks_) {}

  /// The number of rows in use; at most what there is room for.
  void set_rows(std::size_t rows) { rows_ = rows; }
  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] std::size_t width() const { return width_; }
  [[nodiscard]] std::size_t stride() const { return blocks_ * 32; }
  [[nodiscard]] std::size_t blocks() const { return blocks_; }

  /// Row t as float: width() values, zeros up to stride().
  [[nodiscard]] float* values(std::size_t row) { return values_.data() + row * stride(); }
  [[nodiscard]] const float* values(std::size_t row) const { return values_.data() + row * stride(); }
  /// kCodeBytes of block b of row t, at codes(b, 0) + kCodeBytes * t.
  [[nodiscard]] std::int8_t* codes(std::size_t block, std::size_t row) {
    return codes_.data() + (block * rows_ + row) * kCodeBytes;
  }
  [[nodiscard]] const std::int8_t* codes(std::size_t block, std::size_t row) const {
    return codes_.data() + (block * rows_ + row) * kCodeBytes;
  }
  [[nodiscard]] BlockMeta* meta(std::size_t block, std::size_t row) {
    return meta_.data() + block * rows_ + row;
  }
  [[nodiscard]] const BlockMeta* meta(std::size_t block, std::size_t row) const {
    return meta_.data() + block * rows_ + row;
  }

 private:
  std::size_t rows_ = 0, width_, blocks_;
  std::vector<float> values_;
  std::vector<std::int8_t> codes_;
  std::vector<BlockMeta> meta_;
};

}  // namespace zswarm::ops
