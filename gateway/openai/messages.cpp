#include "gateway/openai/messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace zswarm::gateway {
namespace {

constexpr std::array<std::string_view, 6> kRoles = {"system",    "developer", "user",
                                                    "assistant", "tool",      "function"};

void drop_nulls(Json& object) {
  for (auto it = object.begin(); it != object.end();) it = it->is_null() ? object.erase(it) : std::next(it);
}

void check_part(Fields& message, const Json& part, const std::string& name) {
  if (!part.is_object()) return message.refuse_type(name.c_str(), "an object", part);
  Fields fields(part, message.param(name));
  const auto type = fields.text("type", 64);
  if (fields.ok() && !type) fields.refuse_missing("type");
  if (!fields.ok()) return message.refuse_with(fields.error());
  const char* const text_field = *type == "refusal" ? "refusal" : "text";
  if (*type == "text" || *type == "refusal") {
    const auto text = fields.text(text_field, SIZE_MAX);
    if (fields.ok() && !text) fields.refuse_missing(text_field);
    if (!fields.ok()) message.refuse_with(fields.error());
    return;
  }
  for (const std::string_view known :
       {"image_url", "input_audio", "file", "video_url", "image", "audio", "video"}) {
    if (*type == known) {
      return message.refuse_with(
          not_supported(fmt::format("A content part of type '{}'", known), fields.param("type")));
    }
  }
  fields.refuse_value("type", fmt::format("unknown content part '{}'.", printable(*type)));
  message.refuse_with(fields.error());
}

void check_content(Fields& message, const Limits& limits, bool required) {
  const Json* content = message.find("content");
  if (!content) {
    if (required) message.refuse_missing("content");
    return;
  }
  if (content->is_string()) return;
  if (!content->is_array())
    return message.refuse_type("content", "a string or an array of content parts", *content);
  if (!message.array("content", limits.content_parts)) return;
  if (content->empty())
    return message.refuse_value("content", "an array of content parts must not be empty.");
  for (std::size_t i = 0; i < content->size() && message.ok(); ++i) {
    check_part(message, (*content)[i], fmt::format("content[{}]", i));
  }
}

void check_function(Fields& parent, const char* name, bool needs_arguments) {
  const Json* function = parent.object(name);
  if (!function) return parent.ok() ? parent.refuse_missing(name) : void();
  Fields fields(*function, parent.param(name));
  if (!fields.text("name", 1024) && fields.ok()) fields.refuse_missing("name");
  if (needs_arguments && !fields.text("arguments", SIZE_MAX) && fields.ok())
    fields.refuse_missing("arguments");
  if (!fields.ok()) parent.refuse_with(fields.error());
}

void check_tool_calls(Fields& message, Json& calls, const Limits& limits) {
  for (std::size_t i = 0; i < calls.size() && message.ok(); ++i) {
    const std::string name = fmt::format("tool_calls[{}]", i);
    if (!calls[i].is_object()) return message.refuse_type(name.c_str(), "an object", calls[i]);
    Fields call(calls[i], message.param(name));
    const auto type = call.text("type", 64);
    if (type && *type != "function")
      call.refuse_with(
          not_supported(fmt::format("A tool call of type '{}'", printable(*type)), call.param("type")));
    static_cast<void>(call.text("id", limits.model_name_bytes));
    check_function(call, "function", true);
    if (!call.ok()) return message.refuse_with(call.error());
    drop_nulls(calls[i]);
    drop_nulls(calls[i]["function"]);
  }
}

void check_openai_message(Fields& fields, Json& message, const std::string& role, const Limits& limits) {
  if (std::find(kRoles.begin(), kRoles.end(), role) == kRoles.end()) {
    return fields.refuse_value(
        "role",
        fmt::format("'{}' is none of system, developer, user, assistant, tool, function.", printable(role)));
  }
  bool calls = false;
  if (role == "assistant") {
    if (const Json* tool_calls = fields.array("tool_calls", limits.tools)) {
      calls = !tool_calls->empty();
      check_tool_calls(fields, message["tool_calls"], limits);
    }
    if (fields.find("function_call")) {
      calls = true;
      check_function(fields, "function_call", true);
    }
    if (fields.find("refusal")) calls = fields.text("refusal", SIZE_MAX).has_value();
    if (fields.find("audio")) fields.refuse_with(not_supported("'audio'", fields.param("audio")));
  }
  check_content(fields, limits, !calls);
  static_cast<void>(fields.text("name", 1024));
  if (role == "tool" && fields.ok() && !fields.text("tool_call_id", 1024) && fields.ok())
    fields.refuse_missing("tool_call_id");
}

void check_message(Fields& fields, Json& message, std::size_t index, const Limits& limits, Roles roles) {
  const std::string path = fmt::format("messages[{}]", index);
  if (!message.is_object()) return fields.refuse_type(path.c_str(), "an object", message);
  Fields inner(message, path);
  const auto role = inner.text("role", 256);
  if (inner.ok() && !role) inner.refuse_missing("role");
  if (inner.ok() && roles == Roles::kOpenAi) check_openai_message(inner, message, *role, limits);
  if (!inner.ok()) return fields.refuse_with(inner.error());
  drop_nulls(message);
}

// The name that a tool_choice object asks for: {"type": "function", "function": {"name": …}}.
std::optional<std::string> chosen_function(Fields& fields, const Json& choice) {
  Fields outer(choice, "tool_choice");
  const auto type = outer.text("type", 64);
  if (outer.ok() && (!type || *type != "function")) {
    fields.refuse_value("tool_choice", "its type must be 'function'.");
    return std::nullopt;
  }
  const Json* function = outer.object("function");
  if (outer.ok() && !function) outer.refuse_missing("function");
  std::optional<std::string> name;
  if (outer.ok()) {
    Fields inner(*function, "tool_choice.function");
    name = inner.text("name", 1024);
    if (inner.ok() && !name) inner.refuse_missing("name");
    if (!inner.ok()) outer.refuse_with(inner.error());
  }
  if (!outer.ok()) fields.refuse_with(outer.error());
  return name;
}

void check_tool_choice(Fields& fields, const Json& tools) {
  const Json* choice = fields.find("tool_choice");
  if (!choice) return;
  if (choice->is_string()) {
    const auto& word = choice->get_ref<const std::string&>();
    if (word != "none" && word != "auto" && word != "required") {
      return fields.refuse_value("tool_choice",
                                 "expected 'none', 'auto', 'required' or an object that names a function.");
    }
    if (word == "required" && tools.empty()) {
      fields.refuse_value("tool_choice", "'required' needs 'tools' to choose from.");
    }
    return;
  }
  if (!choice->is_object()) return fields.refuse_type("tool_choice", "a string or an object", *choice);
  const auto name = chosen_function(fields, *choice);
  if (!name) return;
  for (const Json& tool : tools) {
    if (tool.contains("function") && tool["function"].value("name", "") == *name) return;
  }
  fields.refuse_value("tool_choice", fmt::format("'tools' has no function '{}'.", printable(*name)));
}

}  // namespace

Json read_messages(Fields& fields, const Limits& limits, Roles roles) {
  const Json* given = fields.array("messages", limits.messages);
  if (!given) {
    if (fields.ok()) fields.refuse_missing("messages");
    return nullptr;
  }
  if (given->empty()) {
    fields.refuse_with(
        bad_request("Invalid 'messages': at least one message is needed.", "messages", "empty_array"));
    return nullptr;
  }
  Json messages = *given;
  for (std::size_t i = 0; i < messages.size() && fields.ok(); ++i)
    check_message(fields, messages[i], i, limits, roles);
  return messages;
}

Json read_tools(Fields& fields, const Limits& limits) {
  const Json* given = fields.array("tools", limits.tools);
  if (given) {
    for (std::size_t i = 0; i < given->size() && fields.ok(); ++i) {
      const std::string path = fmt::format("tools[{}]", i);
      if (!(*given)[i].is_object()) {
        fields.refuse_type(path.c_str(), "an object", (*given)[i]);
        break;
      }
      Fields tool((*given)[i], path);
      const auto type = tool.text("type", 64);
      if (tool.ok() && (!type || *type == "function")) check_function(tool, "function", false);
      if (!tool.ok()) fields.refuse_with(tool.error());
    }
  }
  if (!fields.ok()) return nullptr;
  Json tools = given ? *given : Json();
  check_tool_choice(fields, tools);
  return tools;
}

Json read_template_variables(Fields& fields) {
  const Json* given = fields.object("chat_template_kwargs");
  if (!given) return Json::object();
  for (const char* own : {"messages", "tools", "documents", "add_generation_prompt"}) {
    if (given->contains(own)) {
      fields.refuse_value("chat_template_kwargs", fmt::format("'{}' is a field of the request itself.", own));
      return Json::object();
    }
  }
  return *given;
}

std::string template_context(const Json& messages, const Json& tools, bool add_generation_prompt,
                             const Json& variables) {
  Json context;
  context["messages"] = messages;
  context["tools"] = tools;
  context["documents"] = nullptr;
  context["add_generation_prompt"] = add_generation_prompt;
  for (const auto& [key, value] : variables.items()) context[key] = value;
  return to_text(context);
}

}  // namespace zswarm::gateway
