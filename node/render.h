// What the node adds to a request for a chat template: the model's special tokens by name.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/base/error.h"

namespace zswarm::node {

/// `context_json`, an object, with a string variable for each of `tokens` put before its own: where it names
/// one itself, its own counts. Nothing else of the text changes. kInvalidArgument if it does not begin as an
/// object.
[[nodiscard]] Result<std::string> with_special_tokens(
    std::string_view context_json, const std::vector<std::pair<std::string, std::string>>& tokens);

}  // namespace zswarm::node
