// JSON from strangers, and JSON for them.
//
// parse_json() checks a text in one pass without building anything (syntax, UTF-8, depth, number of values,
// keys per object) and builds the document only then, so that no short text costs much memory, stack or time.
// Objects keep their key order: templates print them. Pure functions, any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "gateway/error.h"
#include "gateway/limits.h"

namespace zswarm::gateway {

using Json = nlohmann::ordered_json;

/// 400: not JSON (says where), or over a limit (says which).
[[nodiscard]] ApiResult<Json> parse_json(std::string_view text, const JsonLimits& limits);

/// parse_json() for a request body, which must be an object.
[[nodiscard]] ApiResult<Json> parse_body(std::string_view text, const JsonLimits& limits);

/// One line of valid UTF-8: broken bytes in strings become U+FFFD.
[[nodiscard]] std::string to_text(const Json& value);

/// "a string", "an object", … for messages.
[[nodiscard]] std::string_view kind_of(const Json& value);

}  // namespace zswarm::gateway
