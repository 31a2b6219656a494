#include "kernels/gguf/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>

#include "kernels/base/utf8.h"

namespace zswarm::gguf {
namespace {

Scalar scalar_of(const Value& value) {
  if (const auto text = value.as_string()) return utf8::sanitized(*text);
  if (const auto flag = value.as_bool()) return *flag;
  if (const auto number = value.as_int()) return *number;
  // An integer that is none of those is a uint64 above the range of int64.
  if (value.type() == ValueType::kUint64) {
    std::uint64_t number = 0;
    std::copy(value.payload().begin(), value.payload().end(), reinterpret_cast<std::byte*>(&number));
    return number;
  }
  return value.as_float().value_or(0.0);
}

DescribedValue describe_value(std::string_view key, const Value& value, std::size_t array_max) {
  DescribedValue described;
  described.key = utf8::sanitized(key);
  described.is_array = value.type() == ValueType::kArray;
  described.type = value_type_name(described.is_array ? value.element_type() : value.type());
  if (!described.is_array) {
    described.values.push_back(scalar_of(value));
    return described;
  }
  described.count = value.size();
  for (const Value& element : value.first_elements(array_max)) described.values.push_back(scalar_of(element));
  return described;
}

std::string shown(const Scalar& scalar, std::size_t string_max) {
  if (const auto* text = std::get_if<std::string>(&scalar)) {
    return fmt::format(
        "\"{}\"", printable(*text, string_max == 0 ? std::numeric_limits<std::size_t>::max() : string_max));
  }
  if (const auto* number = std::get_if<double>(&scalar)) {
    // A float32 in its own shortest form: 1e-05, not 9.999999747378752e-06.
    const auto narrow = static_cast<float>(*number);
    return static_cast<double>(narrow) == *number ? fmt::to_string(narrow) : fmt::to_string(*number);
  }
  if (const auto* number = std::get_if<std::int64_t>(&scalar)) return fmt::to_string(*number);
  if (const auto* number = std::get_if<std::uint64_t>(&scalar)) return fmt::to_string(*number);
  return fmt::to_string(std::get<bool>(scalar));
}

std::string shown(const DescribedValue& value, std::size_t string_max) {
  if (!value.is_array) return shown(value.values.front(), string_max);
  std::string list;
  for (const Scalar& element : value.values) {
    if (!list.empty()) list += ", ";
    list += shown(element, string_max);
  }
  return fmt::format("[{}{}] ({} × {})", list, value.values.size() < value.count ? ", …" : "", value.count,
                     value.type);
}

}  // namespace

Description describe(const Reader& file, std::size_t array_max) {
  Description result;
  result.path = utf8::sanitized(file.file().path().string());
  result.file_bytes = file.file().bytes().size();
  result.version = file.version();
  result.alignment = file.alignment();
  for (const auto& [key, value] : file.metadata())
    result.metadata.push_back(describe_value(key, value, array_max));
  std::map<std::string, TypeTotal> totals;
  for (const TensorInfo& tensor : file.tensors()) {
    const std::string type(tensor_type_traits(tensor.type)->name);  // open() has refused types without traits
    result.tensors.push_back({utf8::sanitized(tensor.name), type, tensor.dims, tensor.data.size()});
    result.elements += tensor.elements;
    result.tensor_bytes += tensor.data.size();
    TypeTotal& total = totals[type];
    total.type = type;
    ++total.tensors;
    total.elements += tensor.elements;
    total.bytes += tensor.data.size();
  }
  for (auto& [type, total] : totals) result.by_type.push_back(std::move(total));
  std::stable_sort(result.by_type.begin(), result.by_type.end(),
                   [](const TypeTotal& a, const TypeTotal& b) { return a.bytes > b.bytes; });
  return result;
}

std::string to_text(const Description& description, std::size_t string_max) {
  std::string out;
  auto to = std::back_inserter(out);
  fmt::format_to(to, "{}: GGUF version {}, {} bytes, {} metadata entries, {} tensors, {} parameters\n",
                 printable(description.path, 400), description.version, description.file_bytes,
                 description.metadata.size(), description.tensors.size(), description.elements);
  if (!description.metadata.empty()) out += "\nMetadata\n";
  for (const DescribedValue& value : description.metadata) {
    fmt::format_to(to, "  {} = {}\n", printable(value.key), shown(value, string_max));
  }
  if (description.tensors.empty()) return out;
  out += "\nTensors\n";
  for (const DescribedTensor& tensor : description.tensors) {
    fmt::format_to(to, "  {:<40} {:<8} {:>16} {:>14} bytes\n", printable(tensor.name), tensor.type,
                   fmt::format("{}", fmt::join(tensor.dims, " × ")), tensor.bytes);
  }
  out += "\nBy type\n";
  for (const TypeTotal& total : description.by_type) {
    fmt::format_to(to, "  {:<8} {:>6} tensors {:>16} parameters {:>16} bytes\n", total.type, total.tensors,
                   total.elements, total.bytes);
  }
  return out;
}

}  // namespace zswarm::gguf
