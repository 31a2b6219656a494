#include "gateway/openai/chat_request.h"

#include <limits>

#include "gateway/openai/messages.h"

namespace zswarm::gateway {
namespace {

constexpr std::int64_t kMaxTokens = std::numeric_limits<std::int32_t>::max();

void read_lengths(Fields& fields, GenerationFields& out) {
  // max_tokens is the old name; where both are given the new one counts.
  for (const char* name : {"max_tokens", "max_completion_tokens"}) {
    if (const auto v = fields.integer(name, 1, kMaxTokens)) out.max_tokens = static_cast<std::uint32_t>(*v);
  }
}

void read_logprobs(Fields& fields, const Limits& limits, sampling::Params& params) {
  const bool wanted = fields.boolean("logprobs").value_or(false);
  const auto top = fields.integer("top_logprobs", 0, limits.top_logprobs);
  // 0 asks for nothing; some clients always send it.
  if (top && *top > 0 && !wanted) fields.refuse_value("top_logprobs", "needs 'logprobs' to be true.");
  if (wanted) params.top_logprobs = static_cast<std::int32_t>(top.value_or(0));
}

void refuse_chat_features(Fields& fields, const Limits& limits) {
  const Json tools = read_tools(fields, limits);
  if (fields.ok() && !tools.empty()) fields.refuse_with(not_supported("Calling tools ('tools')", "tools"));
  if (const Json* call = fields.find("function_call"); call && *call != "none" && *call != "auto") {
    fields.refuse_with(not_supported("'function_call'", "function_call"));
  }
  if (const Json* modalities = fields.array("modalities", 16)) {
    for (const Json& modality : *modalities) {
      if (modality != "text") fields.refuse_with(not_supported("A modality other than 'text'", "modalities"));
    }
  }
  refuse_unsupported(fields);
}

}  // namespace

std::optional<std::string> read_chat_template(Fields& fields, bool allowed) {
  auto source = fields.text("chat_template", std::numeric_limits<std::size_t>::max());
  if (source && !allowed) {
    fields.refuse_value("chat_template", "the server was not started with --allow-template-override.");
    return std::nullopt;
  }
  return source;
}

ApiResult<ChatRequest> parse_chat_request(std::string_view body, const Limits& limits, bool allow_template) {
  const auto document = parse_body(body, limits.json);
  if (!document) return refuse(document.error());
  Fields fields(*document);
  ChatRequest out;
  const Json messages = read_messages(fields, limits, Roles::kOpenAi);
  read_generation_fields(fields, limits, out.generation);
  read_lengths(fields, out.generation);
  read_logprobs(fields, limits, out.generation.sampling);
  refuse_chat_features(fields, limits);
  out.chat_template = read_chat_template(fields, allow_template);
  const Json variables = read_template_variables(fields);
  if (!fields.ok()) return refuse(fields.error());
  out.template_context = template_context(messages, nullptr, true, variables);
  return out;
}

}  // namespace zswarm::gateway
