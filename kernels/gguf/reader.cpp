#include "kernels/gguf/reader.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "kernels/gguf/parser.h"

namespace zswarm::gguf {
namespace {

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

/// Calls visit with the number of `type` at `from`; false if the type is no number.
template <class Visit>
bool with_number(ValueType type, const std::byte* from, Visit&& visit) {
  switch (type) {
    case ValueType::kUint8:
      visit(load<std::uint8_t>(from));
      return true;
    case ValueType::kInt8:
      visit(load<std::int8_t>(from));
      return true;
    case ValueType::kUint16:
      visit(load<std::uint16_t>(from));
      return true;
    case ValueType::kInt16:
      visit(load<std::int16_t>(from));
      return true;
    case ValueType::kUint32:
      visit(load<std::uint32_t>(from));
      return true;
    case ValueType::kInt32:
      visit(load<std::int32_t>(from));
      return true;
    case ValueType::kUint64:
      visit(load<std::uint64_t>(from));
      return true;
    case ValueType::kInt64:
      visit(load<std::int64_t>(from));
      return true;
    case ValueType::kFloat32:
      visit(load<float>(from));
      return true;
    case ValueType::kFloat64:
      visit(load<double>(from));
      return true;
    case ValueType::kBool:
    case ValueType::kString:
    case ValueType::kArray:
      break;
  }
  return false;
}

std::optional<std::int64_t> integer_at(ValueType type, const std::byte* from) {
  std::optional<std::int64_t> result;
  with_number(type, from, [&](auto number) {
    using T = decltype(number);
    if constexpr (std::is_same_v<T, std::uint64_t>) {
      if (number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        result = static_cast<std::int64_t>(number);
      }
    } else if constexpr (std::is_integral_v<T>) {
      result = number;
    }
  });
  return result;
}

}  // namespace

std::optional<std::int64_t> Value::as_int() const {
  return integer_at(type_, payload_.data());
}

std::optional<double> Value::as_float() const {
  std::optional<double> result;
  with_number(type_, payload_.data(), [&](auto number) { result = static_cast<double>(number); });
  return result;
}

std::optional<bool> Value::as_bool() const {
  if (type_ != ValueType::kBool) return std::nullopt;
  return payload_[0] != std::byte{0};
}

std::optional<std::string_view> Value::as_string() const {
  if (type_ != ValueType::kString) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(payload_.data()), payload_.size());
}

std::optional<std::vector<std::string_view>> Value::as_strings() const {
  if (type_ != ValueType::kArray || element_type_ != ValueType::kString) return std::nullopt;
  std::vector<std::string_view> result;
  result.reserve(count_);  // at most payload_.size() / 8, checked by the parser
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < count_; ++i) {
    const auto length = load<std::uint64_t>(payload_.data() + at);
    at += sizeof(length);
    result.emplace_back(reinterpret_cast<const char*>(payload_.data() + at), length);
    at += length;
  }
  return result;
}

std::optional<std::vector<std::int64_t>> Value::as_ints() const {
  if (type_ != ValueType::kArray) return std::nullopt;
  const std::size_t width = scalar_bytes(element_type_);
  if (width == 0 || element_type_ == ValueType::kFloat32 || element_type_ == ValueType::kFloat64)
    return std::nullopt;
  const ValueType read_as = element_type_ == ValueType::kBool ? ValueType::kUint8 : element_type_;
  std::vector<std::int64_t> result;
  result.reserve(count_);
  for (std::uint64_t i = 0; i < count_; ++i) {
    const auto number = integer_at(read_as, payload_.data() + i * width);
    if (!number) return std::nullopt;
    result.push_back(*number);
  }
  return result;
}

std::optional<std::vector<float>> Value::as_floats() const {
  if (type_ != ValueType::kArray) return std::nullopt;
  if (element_type_ != ValueType::kFloat32 && element_type_ != ValueType::kFloat64) return std::nullopt;
  const std::size_t width = scalar_bytes(element_type_);
  std::vector<float> result;
  result.reserve(count_);
  for (std::uint64_t i = 0; i < count_; ++i) {
    const std::byte* from = payload_.data() + i * width;
    result.push_back(element_type_ == ValueType::kFloat32 ? load<float>(from)
                                                          : static_cast<float>(load<double>(from)));
  }
  return result;
}

std::vector<Value> Value::first_elements(std::size_t max) const {
  std::vector<Value> result;
  if (type_ != ValueType::kArray) return result;
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < count_ && result.size() < max; ++i) {
    Value element;
    element.type_ = element_type_;
    std::size_t length = scalar_bytes(element_type_);
    if (element_type_ == ValueType::kString) {
      length = load<std::uint64_t>(payload_.data() + at);
      at += sizeof(std::uint64_t);
    }
    element.payload_ = payload_.subspan(at, length);
    at += length;
    result.push_back(element);
  }
  return result;
}

Result<Reader> Reader::open(const std::filesystem::path& path) {
  auto file = MappedFile::open(path);
  if (!file) return fail(std::move(file.error()));
  return parse(std::move(*file));
}

Result<Reader> Reader::from_bytes(std::vector<std::byte> content, const std::filesystem::path& name) {
  return parse(MappedFile::from_bytes(std::move(content), name));
}

Result<Reader> Reader::parse(MappedFile file) {
  Reader reader(std::move(file));
  if (auto status = Parser(reader).run(); !status) return fail(std::move(status.error()));
  return reader;
}

const Value* Reader::find(std::string_view key) const {
  const auto found = metadata_index_.find(key);
  return found == metadata_index_.end() ? nullptr : &metadata_[found->second].second;
}

const TensorInfo* Reader::tensor(std::string_view name) const {
  const auto found = tensor_index_.find(name);
  return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

Result<const Value*> Reader::require(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) {
    return error(ErrorCode::kNotFound, fmt::format("the metadata key '{}' is missing", printable(key)));
  }
  return value;
}

tl::unexpected<Error> Reader::wrong_type(std::string_view key, const Value& value,
                                         std::string_view wanted) const {
  return error(ErrorCode::kCorrupt, fmt::format("the metadata key '{}' is of type {}, {} is needed",
                                                printable(key), value_type_name(value.type()), wanted));
}

Result<std::int64_t> Reader::get_int(std::string_view key, std::int64_t min, std::int64_t max) const {
  const auto value = require(key);
  if (!value) return fail(value.error());
  const auto number = (*value)->as_int();
  if (!number && (*value)->type() != ValueType::kUint64) return wrong_type(key, **value, "an integer");
  if (!number || *number < min || *number > max) {
    return error(ErrorCode::kCorrupt,
                 fmt::format("the metadata key '{}' is {}, outside of {} to {}", printable(key),
                             number ? fmt::to_string(*number) : std::string("2^63 or more"), min, max));
  }
  return *number;
}

Result<double> Reader::get_float(std::string_view key) const {
  const auto value = require(key);
  if (!value) return fail(value.error());
  const auto number = (*value)->as_float();
  if (!number) return wrong_type(key, **value, "a number");
  if (!std::isfinite(*number)) {
    return error(ErrorCode::kCorrupt,
                 fmt::format("the metadata key '{}' is not a finite number", printable(key)));
  }
  return *number;
}

Result<bool> Reader::get_bool(std::string_view key) const {
  const auto value = require(key);
  if (!value) return fail(value.error());
  const auto flag = (*value)->as_bool();
  if (!flag) return wrong_type(key, **value, "a bool");
  return *flag;
}

Result<std::string_view> Reader::get_string(std::string_view key) const {
  const auto value = require(key);
  if (!value) return fail(value.error());
  const auto text = (*value)->as_string();
  if (!text) return wrong_type(key, **value, "a string");
  return *text;
}

tl::unexpected<Error> Reader::error(ErrorCode code, std::string_view message) const {
  return fail(code, fmt::format("{}: {}", printable(file_.path().string(), 400), message));
}

}  // namespace zswarm::gguf
