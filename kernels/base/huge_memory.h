// A block of zeroed memory on huge pages, if the system grants them: reading weights from 2 MiB pages is up
// to 1.8 times faster.
//
// Owns the mapping; movable. Memory is taken from the system page by page, on first use.
#pragma once

#include <cstddef>

#include "kernels/base/error.h"

namespace zswarm {

class HugeMemory {
 public:
  HugeMemory() = default;
  /// kOutOfMemory, with the size, if the system refuses. bytes may be 0.
  static Result<HugeMemory> allocate(std::size_t bytes);

  HugeMemory(HugeMemory&& other) noexcept;
  HugeMemory& operator=(HugeMemory&& other) noexcept;
  HugeMemory(const HugeMemory&) = delete;
  HugeMemory& operator=(const HugeMemory&) = delete;
  ~HugeMemory();

  [[nodiscard]] std::byte* data() const { return data_; }  // aligned to 2 MiB
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  void* mapping_ = nullptr;
  std::size_t mapping_bytes_ = 0;
};

}  // namespace zswarm
