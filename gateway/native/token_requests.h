// POST /tokenize, /detokenize and /apply-template: bodies as llama-server has them.
//
// Pure, any thread, no I/O.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/json/fields.h"
#include "gateway/limits.h"
#include "gateway/openai/completion_request.h"

namespace zswarm::gateway {

struct TokenizeRequest {
  std::string model;
  std::vector<Prompt> content;  // texts and ids in turn; a plain string is one text
  bool add_special = false;     // for the first piece only
  bool parse_special = true;
  bool with_pieces = false;
};
[[nodiscard]] ApiResult<TokenizeRequest> parse_tokenize_request(std::string_view body, const Limits& limits);

struct DetokenizeRequest {
  std::string model;
  std::vector<node::TokenId> tokens;
};
[[nodiscard]] ApiResult<DetokenizeRequest> parse_detokenize_request(std::string_view body,
                                                                    const Limits& limits);

struct TemplateRequest {
  std::string model;
  std::string template_context;
  std::optional<std::string> chat_template;
};
[[nodiscard]] ApiResult<TemplateRequest> parse_template_request(std::string_view body, const Limits& limits,
                                                                bool allow_template);

}  // namespace zswarm::gateway
