// The network's token as a person gives it: --token, ZSWARM_TOKEN or TOKEN, in this order.
#pragma once

#include <optional>
#include <string>

#include "bus/keys/token.h"
#include "kernels/base/error.h"

namespace zswarm::tools {

/// What --help says of --token.
inline constexpr const char* kTokenHelp =
    "The network's token, or a file that holds it, or - for standard input (ZSWARM_TOKEN or TOKEN)";

/// Nothing if none is given. Read and checked, expiry aside; the message says where the token came from.
[[nodiscard]] Result<std::optional<bus::Token>> token_given(const std::string& flag);

}  // namespace zswarm::tools
