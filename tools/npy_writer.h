// A float32 matrix in NumPy's .npy format (version 1.0, C order), written row by row.
//
// The rows go to OUT.part, which becomes OUT at finish(); without finish() nothing is left behind, also after
// Ctrl-C. Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>

#include "kernels/base/error.h"

namespace zswarm::tools {

class NpyWriter {
 public:
  static Result<std::unique_ptr<NpyWriter>> create(const std::filesystem::path& path, std::size_t rows,
                                                   std::size_t columns);
  ~NpyWriter();
  NpyWriter(const NpyWriter&) = delete;
  NpyWriter& operator=(const NpyWriter&) = delete;

  /// One or more whole rows.
  Status append(std::span<const float> values);
  /// All rows must have been appended.
  Status finish();

 private:
  NpyWriter(std::filesystem::path path, std::size_t values);
  [[nodiscard]] tl::unexpected<Error> error() const;

  std::filesystem::path path_;
  std::filesystem::path part_;
  std::size_t values_missing_;
  std::FILE* file_ = nullptr;
};

}  // namespace zswarm::tools
