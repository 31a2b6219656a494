// Reads the fields of one JSON object of a request, with types and ranges checked.
//
// The first refusal is kept and everything after it reads as absent, so a parser asks for all its fields in a
// row and looks at ok() once. A field that is null counts as absent, as with OpenAI. Not thread-safe; the
// object must outlive the reader.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/json/json.h"

namespace zswarm::gateway {

class Fields {
 public:
  /// `path` leads param names: "messages[0]" makes "messages[0].content".
  explicit Fields(const Json& object, std::string path = {}) : object_(object), path_(std::move(path)) {}

  /// The field, or null if it is absent, null, or something was refused before.
  [[nodiscard]] const Json* find(const char* name);
  [[nodiscard]] std::optional<double> decimal(const char* name, double min, double max);
  [[nodiscard]] std::optional<std::int64_t> integer(const char* name, std::int64_t min, std::int64_t max);
  [[nodiscard]] std::optional<bool> boolean(const char* name);
  [[nodiscard]] std::optional<std::string> text(const char* name, std::size_t max_bytes);
  [[nodiscard]] const Json* object(const char* name);
  [[nodiscard]] const Json* array(const char* name, std::size_t max_size);

  /// Refuses unless an earlier refusal stands.
  void refuse_with(ApiError error);
  void refuse_type(const char* name, std::string_view expected, const Json& got);
  void refuse_value(const char* name, std::string message);
  void refuse_missing(const char* name);

  [[nodiscard]] bool ok() const { return !error_; }
  [[nodiscard]] const ApiError& error() const { return *error_; }
  [[nodiscard]] std::string param(std::string_view name) const;

 private:
  const Json& object_;
  std::string path_;
  std::optional<ApiError> error_;
};

}  // namespace zswarm::gateway
