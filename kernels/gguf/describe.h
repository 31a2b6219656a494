// What a GGUF file holds, for people (`zswarm inspect`) and programs (`--json`).
//
// Pure functions of an open Reader, any thread. Text from the file is handed on as UTF-8 (broken sequences
// replaced), so that it can go into JSON; to_text() besides shows control characters as \xNN.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernels/gguf/reader.h"

namespace zswarm::gguf {

using Scalar = std::variant<std::int64_t, std::uint64_t, double, bool, std::string>;

struct DescribedValue {
  std::string key;
  std::string type;  // "uint32", of an array its elements' type
  bool is_array = false;
  std::uint64_t count = 1;     // elements of an array
  std::vector<Scalar> values;  // the scalar, or the array's first elements
};

struct DescribedTensor {
  std::string name;
  std::string type;                 // "Q4_K"
  std::vector<std::uint64_t> dims;  // as in the file: dims[0] is the fastest
  std::uint64_t bytes = 0;
};

struct TypeTotal {
  std::string type;
  std::uint64_t tensors = 0;
  std::uint64_t elements = 0;
  std::uint64_t bytes = 0;
};

struct Description {
  std::string path;
  std::uint64_t file_bytes = 0;
  std::uint32_t version = 0;
  std::uint64_t alignment = 0;
  std::uint64_t elements = 0;  // parameters: of all tensors together
  std::uint64_t tensor_bytes = 0;
  std::vector<DescribedValue> metadata;
  std::vector<DescribedTensor> tensors;
  std::vector<TypeTotal> by_type;  // most bytes first
};

/// Of each array at most `array_max` elements are taken.
[[nodiscard]] Description describe(const Reader& file, std::size_t array_max = 8);

/// Several lines for a terminal. A string is cut after `string_max` bytes, unless that is 0.
[[nodiscard]] std::string to_text(const Description& description, std::size_t string_max = 120);

}  // namespace zswarm::gguf
