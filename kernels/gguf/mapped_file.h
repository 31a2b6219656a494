// A file mapped into memory for reading.
//
// Owns the mapping; bytes() stays valid until destruction. Movable, not copyable. Any thread may read.
// A file that is truncated by somebody else while mapped raises SIGBUS, as with every mmap: models are not edited in place.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "kernels/base/error.h"

namespace zswarm::gguf {

class MappedFile {
 public:
  /// Fails with kNotFound or kIo; the message names the file.
  static Result<MappedFile> open(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Tells the kernel that `part` (inside bytes()) will not be read again soon: its whole pages leave our resident memory.
  void drop(std::span<const std::byte> part) const;

 private:
  MappedFile(const std::byte* data, std::size_t size, std::filesystem::path path)
      : data_(data), size_(size), path_(std::move(path)) {}

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::filesystem::path path_;
};

}  // namespace zswarm::gguf
