// Writes GGUF files for tests, whole ones and damaged ones.
//
//   GgufWriter file;
//   file.add("general.architecture", "llama").add("llama.block_count", std::uint32_t{2});
//   file.tensor("token_embd.weight", TensorType::kF32, {64, 100}, bytes);
//   auto reader = gguf::Reader::from_bytes(file.bytes(), "test.gguf");
//
// It checks nothing: counts, types and offsets can be overridden to say what is not so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "kernels/gguf/types.h"

namespace zswarm::test {

/// Little-endian bytes, appended one number after the other.
class ByteSink {
 public:
  template <class T>
  ByteSink& number(T value) {
    static_assert(std::is_arithmetic_v<T>);
    return raw(&value, sizeof(value));
  }
  /// Length, then characters.
  ByteSink& string(std::string_view text) {
    return number<std::uint64_t>(text.size()).raw(text.data(), text.size());
  }
  ByteSink& raw(const void* data, std::size_t size) {
    const auto* from = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), from, from + size);
    return *this;
  }
  ByteSink& pad_to(std::size_t multiple) {
    if (multiple != 0) bytes_.resize((bytes_.size() + multiple - 1) / multiple * multiple);
    return *this;
  }
  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

template <class T>
constexpr gguf::ValueType value_type_of() {
  using gguf::ValueType;
  if constexpr (std::is_same_v<T, bool>) return ValueType::kBool;
  if constexpr (std::is_same_v<T, std::uint8_t>) return ValueType::kUint8;
  if constexpr (std::is_same_v<T, std::int8_t>) return ValueType::kInt8;
  if constexpr (std::is_same_v<T, std::uint16_t>) return ValueType::kUint16;
  if constexpr (std::is_same_v<T, std::int16_t>) return ValueType::kInt16;
  if constexpr (std::is_same_v<T, std::uint32_t>) return ValueType::kUint32;
  if constexpr (std::is_same_v<T, std::int32_t>) return ValueType::kInt32;
  if constexpr (std::is_same_v<T, std::uint64_t>) return ValueType::kUint64;
  if constexpr (std::is_same_v<T, std::int64_t>) return ValueType::kInt64;
  if constexpr (std::is_same_v<T, float>) return ValueType::kFloat32;
  if constexpr (std::is_same_v<T, double>) return ValueType::kFloat64;
}

class GgufWriter {
 public:
  struct Tensor {
    std::string name;
    std::uint32_t type;
    std::vector<std::uint64_t> dims;
    std::vector<std::byte> data;
    std::optional<std::uint64_t> offset;  // instead of the next free one
  };

  // Overrides; by default they follow from what was added.
  std::uint32_t version = 3;
  std::optional<std::uint64_t> metadata_count;
  std::optional<std::uint64_t> tensor_count;
  std::size_t alignment = 32;  // of the data; general.alignment must be added by hand

  template <class T, class = std::enable_if_t<std::is_arithmetic_v<T>>>
  GgufWriter& add(std::string_view key, T value) {
    ByteSink payload;
    payload.number(value);
    return add_raw(key, static_cast<std::uint32_t>(value_type_of<T>()), payload.bytes());
  }
  GgufWriter& add(std::string_view key, std::string_view text) {
    ByteSink payload;
    payload.string(text);
    return add_raw(key, static_cast<std::uint32_t>(gguf::ValueType::kString), payload.bytes());
  }
  GgufWriter& add(std::string_view key, const char* text) { return add(key, std::string_view(text)); }
  template <class T>
  GgufWriter& add(std::string_view key, const std::vector<T>& values) {
    ByteSink payload;
    if constexpr (std::is_arithmetic_v<T>) {
      payload.number(static_cast<std::uint32_t>(value_type_of<T>()))
          .template number<std::uint64_t>(values.size());
      for (const T value : values) payload.number(value);
    } else {
      payload.number(static_cast<std::uint32_t>(gguf::ValueType::kString))
          .template number<std::uint64_t>(values.size());
      for (const std::string_view value : values) payload.string(value);
    }
    return add_raw(key, static_cast<std::uint32_t>(gguf::ValueType::kArray), payload.bytes());
  }
  /// Any type number with any bytes after it.
  GgufWriter& add_raw(std::string_view key, std::uint32_t type, const std::vector<std::byte>& payload) {
    metadata_.string(key).number(type).raw(payload.data(), payload.size());
    ++entries_;
    return *this;
  }

  GgufWriter& tensor(Tensor tensor) {
    tensors_.push_back(std::move(tensor));
    return *this;
  }
  GgufWriter& tensor(std::string_view name, gguf::TensorType type, std::vector<std::uint64_t> dims,
                     std::vector<std::byte> data) {
    return tensor({std::string(name), static_cast<std::uint32_t>(type), std::move(dims), std::move(data),
                   std::nullopt});
  }
  GgufWriter& tensor(std::string_view name, std::vector<std::uint64_t> dims,
                     const std::vector<float>& values) {
    ByteSink data;
    data.raw(values.data(), values.size() * sizeof(float));
    return tensor(name, gguf::TensorType::kF32, std::move(dims), data.bytes());
  }

  [[nodiscard]] std::vector<std::byte> bytes() const {
    ByteSink out;
    out.raw("GGUF", 4).number(version).number(tensor_count.value_or(tensors_.size()));
    out.number(metadata_count.value_or(entries_)).raw(metadata_.bytes().data(), metadata_.bytes().size());
    ByteSink data;
    for (const Tensor& tensor : tensors_) {
      data.pad_to(alignment);
      out.string(tensor.name).number(static_cast<std::uint32_t>(tensor.dims.size()));
      for (const std::uint64_t dim : tensor.dims) out.number(dim);
      out.number(tensor.type).number(tensor.offset.value_or(data.bytes().size()));
      data.raw(tensor.data.data(), tensor.data.size());
    }
    if (!tensors_.empty()) out.pad_to(alignment);
    return out.raw(data.bytes().data(), data.bytes().size()).bytes();
  }

  /// Writes the file; true if that worked.
  [[nodiscard]] bool save(const std::filesystem::path& path) const {
    const auto content = bytes();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
    return static_cast<bool>(file.flush());
  }

 private:
  ByteSink metadata_;
  std::uint64_t entries_ = 0;
  std::vector<Tensor> tensors_;
};

}  // namespace zswarm::test
