// The messages of a chat request, checked and made ready for the template.
//
// Pure functions, any thread. What comes out is what Hugging Face transformers would hand to a template: the
// client's objects with all their keys in order, those that are null left out.
#pragma once

#include "gateway/json/fields.h"
#include "gateway/limits.h"

namespace zswarm::gateway {

enum class Roles {
  kOpenAi,  // those of OpenAI's API, content of the kinds that the model can read (text)
  kAny,     // whatever the template knows: to look at a prompt without generating
};

/// Reads `messages`; null if `fields` has a refusal.
[[nodiscard]] Json read_messages(Fields& fields, const Limits& limits, Roles roles);

/// Reads `tools` (shape only) and `tool_choice`, which must name a function among them. Null if there are no
/// tools.
[[nodiscard]] Json read_tools(Fields& fields, const Limits& limits);

/// Reads `chat_template_kwargs`: further variables for the template. An object, empty if absent.
[[nodiscard]] Json read_template_variables(Fields& fields);

/// The template's variables as JSON text, for node::RenderRequest.
[[nodiscard]] std::string template_context(const Json& messages, const Json& tools,
                                           bool add_generation_prompt, const Json& variables);

}  // namespace zswarm::gateway
