#include "tools/token_option.h"

#include <fmt/format.h>

#include <cstdlib>

#include "bus/keys/token_source.h"

namespace zswarm::tools {

namespace {

ErrorCode code_here(bus::ErrorCode code) {
  switch (code) {
    case bus::ErrorCode::kUnsupported:
      return ErrorCode::kUnsupported;
    case bus::ErrorCode::kNotFound:
      return ErrorCode::kNotFound;
    case bus::ErrorCode::kTooLarge:
      return ErrorCode::kTooLarge;
    case bus::ErrorCode::kIo:
      return ErrorCode::kIo;
    default:
      return ErrorCode::kInvalidArgument;
  }
}

}  // namespace

Result<std::optional<bus::Token>> token_given(const std::string& flag) {
  std::string value = flag;
  const char* name = "--token";
  for (const char* const variable : {"ZSWARM_TOKEN", "TOKEN"}) {
    const char* const set = std::getenv(variable);
    if (!value.empty() || set == nullptr || *set == '\0') continue;
    value = set;
    name = variable;
  }
  if (value.empty()) return std::optional<bus::Token>();
  const bus::SecretText owner(std::move(value));
  auto token = bus::read_token(owner.reveal());
  if (!token) return fail(code_here(token.error().code), fmt::format("{}: {}", name, token.error().message));
  return std::optional(std::move(*token));
}

}  // namespace zswarm::tools
