// The inputs of a matrix product: a batch of rows, as float32 and (for quantised weights) as int8 in blocks
// of 32.
//
// Quantised: block b of row t has center = (max + min) / 2, d = (max - min) / 254 and codes = round((x -
// center) / d) to nearest, ties to even, in [-127, 127]. This is the only lossy step of a product with
// quantised weights: everything after it is exact integers and one fixed chain of fused multiply-adds. The
// center costs one multiply-add more per block than a symmetric range would, and takes the Kullback-Leibler
// divergence of SmolLM2's predictions from 2.9e-3 to 1.1e-3: activations have outliers, and those are
// one-sided. Blocks of all rows lie side by side ([block][row]), so that a kernel walks them with constant
// offsets.
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
        codes_(values_.size()),
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
  /// 32 codes of block b of row t, at codes(b, 0) + 32 t.
  [[nodiscard]] std::int8_t* codes(std::size_t block, std::size_t row) {
    return codes_.data() + (block * rows_ + row) * 32;
  }
  [[nodiscard]] const std::int8_t* codes(std::size_t block, std::size_t row) const {
    return codes_.data() + (block * rows_ + row) * 32;
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
