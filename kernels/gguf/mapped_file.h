// A file mapped into memory for reading, or bytes that stand for one.
//
// Owns the mapping (or the bytes); bytes() stays valid until destruction. Movable, not copyable. Any thread
// may read. A file that is truncated by somebody else while mapped raises SIGBUS, as with every mmap: models
// are not edited in place.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

#include "kernels/base/error.h"

namespace zswarm::gguf {

class MappedFile {
 public:
  /// Fails with kNotFound or kIo; the message names the file.
  static Result<MappedFile> open(const std::filesystem::path& path);

  /// Bytes that did not come from a file here (a test, a fuzzer, a peer); `name` takes the path's place in
  /// messages.
  static MappedFile from_bytes(std::vector<std::byte> content, const std::filesystem::path& name);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Tells the kernel that `part` (inside bytes()) will not be read again soon: its whole pages leave our
  /// resident memory. Nothing happens to bytes that did not come from a file.
  void drop(std::span<const std::byte> part) const;

 private:
  MappedFile(const std::byte* data, std::size_t size, std::filesystem::path path)
      : data_(data), size_(size), path_(std::move(path)) {}

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::filesystem::path path_;
  std::vector<std::byte> owned_;  // from_bytes(): what data_ points to
};

}  // namespace zswarm::gguf
