#include "gateway/openai/embedding_request.h"

#include <fmt/format.h>

namespace zswarm::gateway {

ApiResult<EmbeddingRequest> parse_embedding_request(std::string_view body, const Limits& limits) {
  const auto document = parse_body(body, limits.json);
  if (!document) return refuse(document.error());
  Fields fields(*document);
  EmbeddingRequest out;
  out.inputs = read_prompts(fields, "input", limits.embedding_inputs);
  for (std::size_t i = 0; i < out.inputs.size(); ++i) {
    if (const auto* text = std::get_if<std::string>(&out.inputs[i]); text && text->empty()) {
      const std::string name = out.inputs.size() == 1 ? "input" : fmt::format("input[{}]", i);
      fields.refuse_value(name.c_str(), "the text must not be empty.");
    }
  }
  out.model = fields.text("model", limits.model_name_bytes).value_or("");
  const auto format = fields.text("encoding_format", 64).value_or("float");
  if (format != "float" && format != "base64")
    fields.refuse_value("encoding_format", "expected 'float' or 'base64'.");
  out.base64 = format == "base64";
  if (fields.find("dimensions")) fields.refuse_with(not_supported("'dimensions'", "dimensions"));
  if (!fields.ok()) return refuse(fields.error());
  return out;
}

}  // namespace zswarm::gateway
