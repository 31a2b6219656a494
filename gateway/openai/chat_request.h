// POST /v1/chat/completions: from the body's bytes to a checked request.
//
// Pure, any thread, no I/O: the fuzz target feeds it anything.
// https://platform.openai.com/docs/api-reference/chat/create
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gateway/openai/generation_fields.h"

namespace zswarm::gateway {

struct ChatRequest {
  GenerationFields generation;
  std::string template_context;              // JSON text, see openai/messages.h
  std::optional<std::string> chat_template;  // instead of the model's own
};

/// `allow_template`: whether a request may bring its chat_template.
[[nodiscard]] ApiResult<ChatRequest> parse_chat_request(std::string_view body, const Limits& limits,
                                                        bool allow_template);

/// Reads `chat_template`, refused unless allowed. Shared with /apply-template.
[[nodiscard]] std::optional<std::string> read_chat_template(Fields& fields, bool allowed);

}  // namespace zswarm::gateway
