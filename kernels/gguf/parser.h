// The walk through a GGUF file's header that fills a Reader. Internal to kernels/gguf.
//
// Layout (ggml's docs/gguf.md, little-endian): magic, version, tensor count, metadata count; the metadata
// (key, type, value); the tensor directory (name, dimension count, dimensions, type, offset); padding to the
// alignment; the tensors' data.
//
// Used once, on one thread. No number is used before it has been compared with what the file can hold, and
// memory grows with the bytes that have been read, never with a number that the file claims.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/error.h"
#include "kernels/gguf/reader.h"

namespace zswarm::gguf {

class Parser {
 public:
  /// `reader` holds the file and is filled by run().
  explicit Parser(Reader& reader) : reader_(reader), bytes_(reader.file_.bytes()) {}

  Status run();

 private:
  // A step returns false once error_ is set; the steps after it are not taken.
  bool read_header();
  bool read_metadata();
  bool read_value(Value& value);
  bool read_array(Value& value);
  bool read_directory();
  bool read_tensor(TensorInfo& tensor);
  bool read_dims(TensorInfo& tensor, std::uint64_t& data_bytes);
  bool read_alignment();
  bool place_tensors();

  /// Reads a little-endian number; `what` names it in the error.
  template <class T>
  bool read(T& out, std::string_view what);
  /// Reads a length and so many characters.
  bool read_string(std::string_view& out, std::string_view what);
  /// Moves over `count` bytes, which become `out`.
  bool take(std::uint64_t count, std::span<const std::byte>& out, std::string_view what);
  bool check_bools(std::span<const std::byte> values, std::size_t at);

  [[nodiscard]] std::uint64_t left() const { return bytes_.size() - position_; }
  // Each sets error_ and returns false. The messages are completed with the path, position_ and what is being
  // read.
  bool refuse(ErrorCode code, std::string_view message, std::string_view advice);
  bool corrupt(std::string_view message);
  bool unsupported(std::string_view message);
  bool too_short(std::string_view what, std::uint64_t needed);

  struct Place {
    std::uint64_t offset;  // from the data section's begin
    std::uint64_t bytes;
    std::size_t tensor;
  };

  Reader& reader_;
  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
  std::uint64_t tensor_count_ = 0;
  std::uint64_t metadata_count_ = 0;
  std::vector<Place> places_;
  std::string_view context_;  // "tensor" or "metadata key" while one is being read, with its name
  std::string_view name_;
  Error error_;
};

}  // namespace zswarm::gguf
