#include "node/text_of_model.h"

#include <fmt/format.h>

namespace zswarm::node {

Result<std::string> text_of_tokens(const StoredModel& model, const std::vector<TokenId>& tokens) {
  const auto& tokenizer = *model.tokenizer;
  for (const TokenId token : tokens) {
    if (token >= 0 && token < tokenizer.vocab_size()) continue;
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("token id {} is not in the vocabulary, which has ids 0 to {}", token,
                            tokenizer.vocab_size() - 1),
                "tokens");
  }
  return tokenizer.decode(tokens, true);
}

}  // namespace zswarm::node
