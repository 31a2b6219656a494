#include "tools/token_option.h"

#include <fmt/format.h>

#include <cstdlib>

#include "bus/keys/token_source.h"
#include "node/network/bus_error.h"

namespace zswarm::tools {

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
  if (!token) {
    Error error = node::from_bus(token.error());
    return fail(error.code, fmt::format("{}: {}", name, error.message));
  }
  return std::optional(std::move(*token));
}

}  // namespace zswarm::tools
