#include "gateway/native/token_requests.h"

#include <fmt/format.h>

#include <limits>

#include "gateway/openai/chat_request.h"
#include "gateway/openai/messages.h"

namespace zswarm::gateway {
namespace {

std::optional<node::TokenId> as_id(Fields& fields, const Json& value, const std::string& name) {
  if (!value.is_number_integer()) {
    fields.refuse_type(name.c_str(), "a token id", value);
  } else if (!value.is_number_unsigned() ||
             value.get<std::uint64_t>() > std::numeric_limits<node::TokenId>::max()) {
    fields.refuse_value(name.c_str(), "not a token id.");
  } else {
    return value.get<node::TokenId>();
  }
  return std::nullopt;
}

// A string, or a list that mixes strings and ids.
std::vector<Prompt> read_content(Fields& fields) {
  const Json* content = fields.find("content");
  if (!content) {
    if (fields.ok()) fields.refuse_missing("content");
    return {};
  }
  if (content->is_string()) return {content->get<std::string>()};
  if (!content->is_array()) {
    fields.refuse_type("content", "a string or an array of strings and token ids", *content);
    return {};
  }
  std::vector<Prompt> pieces;
  for (std::size_t i = 0; i < content->size(); ++i) {
    const Json& entry = (*content)[i];
    if (entry.is_string()) {
      pieces.emplace_back(entry.get<std::string>());
      continue;
    }
    const auto id = as_id(fields, entry, fmt::format("content[{}]", i));
    if (!id) return {};
    if (pieces.empty() || !std::holds_alternative<std::vector<node::TokenId>>(pieces.back())) {
      pieces.emplace_back(std::vector<node::TokenId>());
    }
    std::get<std::vector<node::TokenId>>(pieces.back()).push_back(*id);
  }
  return pieces;
}

}  // namespace

ApiResult<TokenizeRequest> parse_tokenize_request(std::string_view body, const Limits& limits) {
  const auto document = parse_body(body, limits.json);
  if (!document) return refuse(document.error());
  Fields fields(*document);
  TokenizeRequest out;
  out.content = read_content(fields);
  out.model = fields.text("model", limits.model_name_bytes).value_or("");
  out.add_special = fields.boolean("add_special").value_or(false);
  out.parse_special = fields.boolean("parse_special").value_or(true);
  out.with_pieces = fields.boolean("with_pieces").value_or(false);
  if (!fields.ok()) return refuse(fields.error());
  return out;
}

ApiResult<DetokenizeRequest> parse_detokenize_request(std::string_view body, const Limits& limits) {
  const auto document = parse_body(body, limits.json);
  if (!document) return refuse(document.error());
  Fields fields(*document);
  DetokenizeRequest out;
  out.model = fields.text("model", limits.model_name_bytes).value_or("");
  const Json* tokens = fields.array("tokens", limits.json.values);
  if (fields.ok() && !tokens) fields.refuse_missing("tokens");
  for (std::size_t i = 0; tokens && i < tokens->size() && fields.ok(); ++i) {
    if (const auto id = as_id(fields, (*tokens)[i], fmt::format("tokens[{}]", i))) out.tokens.push_back(*id);
  }
  if (!fields.ok()) return refuse(fields.error());
  return out;
}

ApiResult<TemplateRequest> parse_template_request(std::string_view body, const Limits& limits,
                                                  bool allow_template) {
  const auto document = parse_body(body, limits.json);
  if (!document) return refuse(document.error());
  Fields fields(*document);
  TemplateRequest out;
  out.model = fields.text("model", limits.model_name_bytes).value_or("");
  const Json messages = read_messages(fields, limits, Roles::kAny);
  const Json tools = read_tools(fields, limits);
  const bool add_generation_prompt = fields.boolean("add_generation_prompt").value_or(true);
  out.chat_template = read_chat_template(fields, allow_template);
  const Json variables = read_template_variables(fields);
  if (!fields.ok()) return refuse(fields.error());
  out.template_context = template_context(messages, tools, add_generation_prompt, variables);
  return out;
}

}  // namespace zswarm::gateway
