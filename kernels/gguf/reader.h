// Reads GGUF files, versions 2 and 3 (little-endian), as specified in ggml's docs/gguf.md.
//
// open() checks every number of the header before it is used: counts against the file's size, string and
// array lengths, alignment, types, dimensions, offsets and overlaps. After it has succeeded, everything that
// this class hands out lies inside the mapping. It knows the format only; what the metadata mean is checked
// by whoever reads them.
//
// Owns the mapping: views (string_view, span) live as long as the Reader. Immutable after open(), so any
// thread may read. Errors are kCorrupt (with the byte offset), kUnsupported (version, big-endian) or those of
// MappedFile; each names the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/base/error.h"
#include "kernels/gguf/mapped_file.h"
#include "kernels/gguf/types.h"

namespace zswarm::gguf {

/// A metadata value that lies in the file. Scalars are read on access; nothing is copied at open().
class Value {
 public:
  [[nodiscard]] ValueType type() const { return type_; }
  /// Element type and count of an array; only if type() == kArray. Arrays of arrays are refused at open().
  [[nodiscard]] ValueType element_type() const { return element_type_; }
  [[nodiscard]] std::uint64_t size() const { return count_; }
  /// Where it lies in the file: the scalar, the string's characters, or the array's elements.
  [[nodiscard]] std::span<const std::byte> payload() const { return payload_; }

  /// Any integer type, if the value fits; otherwise nothing.
  [[nodiscard]] std::optional<std::int64_t> as_int() const;
  [[nodiscard]] std::optional<double> as_float() const;  // float32, float64 and any integer
  [[nodiscard]] std::optional<bool> as_bool() const;
  [[nodiscard]] std::optional<std::string_view> as_string() const;

  /// The array's elements; nothing if the element type does not fit. Strings are views into the file.
  [[nodiscard]] std::optional<std::vector<std::string_view>> as_strings() const;
  [[nodiscard]] std::optional<std::vector<std::int64_t>> as_ints() const;  // integers and bools
  [[nodiscard]] std::optional<std::vector<float>> as_floats() const;       // float32, float64
  /// The array's first elements, at most `max`, as values of their own; empty if it is no array.
  [[nodiscard]] std::vector<Value> first_elements(std::size_t max) const;

 private:
  friend class Parser;
  ValueType type_ = ValueType::kUint8;
  ValueType element_type_ = ValueType::kUint8;
  std::uint64_t count_ = 0;
  std::span<const std::byte> payload_;
};

/// One tensor: `dims` as in the file, dims[0] being the fastest (for a weight matrix: inputs, then outputs).
struct TensorInfo {
  std::string_view name;
  TensorType type = TensorType::kF32;
  std::vector<std::uint64_t> dims;  // 1 to 4, each at least 1
  std::uint64_t elements = 0;       // product of dims
  std::span<const std::byte> data;  // inside the file; its length follows from type and dims
};

class Reader {
 public:
  static Result<Reader> open(const std::filesystem::path& path);
  /// The same for bytes that are not in a file; `name` takes the path's place in messages.
  static Result<Reader> from_bytes(std::vector<std::byte> content, const std::filesystem::path& name);

  [[nodiscard]] std::uint32_t version() const { return version_; }
  [[nodiscard]] std::uint64_t alignment() const { return alignment_; }
  [[nodiscard]] const MappedFile& file() const { return file_; }

  /// Metadata in file order; names are unique.
  [[nodiscard]] const std::vector<std::pair<std::string_view, Value>>& metadata() const { return metadata_; }
  [[nodiscard]] const Value* find(std::string_view key) const;
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const { return tensors_; }
  [[nodiscard]] const TensorInfo* tensor(std::string_view name) const;

  /// Typed access with an error that names file and key: missing (kNotFound), wrong type or range (kCorrupt).
  [[nodiscard]] Result<std::int64_t> get_int(std::string_view key, std::int64_t min, std::int64_t max) const;
  [[nodiscard]] Result<double> get_float(std::string_view key) const;  // finite
  [[nodiscard]] Result<bool> get_bool(std::string_view key) const;
  [[nodiscard]] Result<std::string_view> get_string(std::string_view key) const;

  /// An error about this file: "<path>: <message>".
  [[nodiscard]] tl::unexpected<Error> error(ErrorCode code, std::string_view message) const;

 private:
  friend class Parser;
  explicit Reader(MappedFile file) : file_(std::move(file)) {}
  static Result<Reader> parse(MappedFile file);
  [[nodiscard]] Result<const Value*> require(std::string_view key) const;
  [[nodiscard]] tl::unexpected<Error> wrong_type(std::string_view key, const Value& value,
                                                 std::string_view wanted) const;

  MappedFile file_;
  std::uint32_t version_ = 0;
  std::uint64_t alignment_ = 32;
  std::vector<std::pair<std::string_view, Value>> metadata_;
  std::vector<TensorInfo> tensors_;
  std::unordered_map<std::string_view, std::size_t> metadata_index_;
  std::unordered_map<std::string_view, std::size_t> tensor_index_;
};

}  // namespace zswarm::gguf
