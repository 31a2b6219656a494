#include "gateway/json/fields.h"

#include <fmt/format.h>

namespace zswarm::gateway {

std::string Fields::param(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

const Json* Fields::find(const char* name) {
  if (!ok()) return nullptr;
  const auto it = object_.find(name);
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

void Fields::refuse_with(ApiError error) {
  if (ok()) error_ = std::move(error);
}

void Fields::refuse_type(const char* name, std::string_view expected, const Json& got) {
  const std::string field = param(name);
  refuse_with(bad_request(
      fmt::format("Invalid type for '{}': expected {}, but got {} instead.", field, expected, kind_of(got)),
      field, "invalid_type"));
}

void Fields::refuse_value(const char* name, std::string message) {
  const std::string field = param(name);
  refuse_with(bad_request(fmt::format("Invalid '{}': {}", field, message), field, "invalid_value"));
}

void Fields::refuse_missing(const char* name) {
  const std::string field = param(name);
  refuse_with(bad_request(fmt::format("Missing required parameter: '{}'.", field), field,
                          "missing_required_parameter"));
}

std::optional<double> Fields::decimal(const char* name, double min, double max) {
  const Json* value = find(name);
  if (!value) return std::nullopt;
  if (!value->is_number()) {
    refuse_type(name, "a decimal", *value);
    return std::nullopt;
  }
  const double number = value->get<double>();
  const std::string field = param(name);
  if (number > max) {
    refuse_with(
        bad_request(fmt::format("Invalid '{}': expected a value <= {}, but got {}.", field, max, number),
                    field, "decimal_above_max_value"));
    return std::nullopt;
  }
  if (!(number >= min)) {
    refuse_with(
        bad_request(fmt::format("Invalid '{}': expected a value >= {}, but got {}.", field, min, number),
                    field, "decimal_below_min_value"));
    return std::nullopt;
  }
  return number;
}

std::optional<std::int64_t> Fields::integer(const char* name, std::int64_t min, std::int64_t max) {
  const Json* value = find(name);
  if (!value) return std::nullopt;
  if (!value->is_number_integer()) {
    refuse_type(name, "an integer", *value);
    return std::nullopt;
  }
  const std::string field = param(name);
  // A number from 2^63 on is stored unsigned: compare before it is converted.
  const bool huge =
      value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
  const std::int64_t number = huge ? INT64_MAX : value->get<std::int64_t>();
  if (huge || number > max) {
    refuse_with(bad_request(
        fmt::format("Invalid '{}': expected a value <= {}, but got {}.", field, max, to_text(*value)), field,
        "integer_above_max_value"));
    return std::nullopt;
  }
  if (number < min) {
    refuse_with(
        bad_request(fmt::format("Invalid '{}': expected a value >= {}, but got {}.", field, min, number),
                    field, "integer_below_min_value"));
    return std::nullopt;
  }
  return number;
}

std::optional<bool> Fields::boolean(const char* name) {
  const Json* value = find(name);
  if (!value) return std::nullopt;
  if (!value->is_boolean()) {
    refuse_type(name, "a boolean", *value);
    return std::nullopt;
  }
  return value->get<bool>();
}

std::optional<std::string> Fields::text(const char* name, std::size_t max_bytes) {
  const Json* value = find(name);
  if (!value) return std::nullopt;
  if (!value->is_string()) {
    refuse_type(name, "a string", *value);
    return std::nullopt;
  }
  const auto& string = value->get_ref<const std::string&>();
  if (string.size() > max_bytes) {
    const std::string field = param(name);
    refuse_with(bad_request(fmt::format("Invalid '{}': longer than {} bytes.", field, max_bytes), field,
                            "string_above_max_length"));
    return std::nullopt;
  }
  return string;
}

const Json* Fields::object(const char* name) {
  const Json* value = find(name);
  if (value && !value->is_object()) {
    refuse_type(name, "an object", *value);
    return nullptr;
  }
  return value;
}

const Json* Fields::array(const char* name, std::size_t max_size) {
  const Json* value = find(name);
  if (!value) return nullptr;
  if (!value->is_array()) {
    refuse_type(name, "an array", *value);
    return nullptr;
  }
  if (value->size() > max_size) {
    const std::string field = param(name);
    refuse_with(bad_request(
        fmt::format("Invalid '{}': expected at most {} entries, but got {}.", field, max_size, value->size()),
        field, "array_above_max_length"));
    return nullptr;
  }
  return value;
}

}  // namespace zswarm::gateway
