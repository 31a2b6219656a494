// POST /v1/completions: from the body's bytes to a checked request.
//
// Pure, any thread, no I/O. https://platform.openai.com/docs/api-reference/completions/create
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gateway/openai/generation_fields.h"

namespace zswarm::gateway {

/// A text, or token ids as they are (not yet checked against a vocabulary).
using Prompt = std::variant<std::string, std::vector<node::TokenId>>;

struct CompletionRequest {
  GenerationFields generation;  // max_tokens is always set: 16 by default; 0 only with echo
  std::vector<Prompt> prompts;  // at least one
  bool echo = false;
};

[[nodiscard]] ApiResult<CompletionRequest> parse_completion_request(std::string_view body,
                                                                    const Limits& limits);

/// Reads a field that holds a text, ids, or a list of either. A list that begins with a number is one prompt
/// of ids.
[[nodiscard]] std::vector<Prompt> read_prompts(Fields& fields, const char* name, std::size_t max_count);

}  // namespace zswarm::gateway
