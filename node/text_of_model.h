// Text to tokens and back with a model's vocabulary: the parts of Client that need no weights.
//
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/error.h"
#include "node/client.h"
#include "node/model_store.h"

namespace zswarm::node {

/// kInvalidArgument for an id that is not in the vocabulary.
[[nodiscard]] Result<std::string> text_of_tokens(const StoredModel& model,
                                                 const std::vector<TokenId>& tokens);

}  // namespace zswarm::node
