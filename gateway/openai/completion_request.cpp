#include "gateway/openai/completion_request.h"

#include <fmt/format.h>

#include <limits>

namespace zswarm::gateway {
namespace {

constexpr std::uint32_t kDefaultMaxTokens = 16;

// `path` is the array's own name, for params like "prompt[0][3]".
std::vector<node::TokenId> read_ids(Fields& fields, const Json& array, const std::string& path) {
  std::vector<node::TokenId> ids;
  ids.reserve(array.size());
  for (std::size_t i = 0; i < array.size(); ++i) {
    const Json& entry = array[i];
    const std::string name = fmt::format("{}[{}]", path, i);
    if (!entry.is_number_integer()) {
      fields.refuse_type(name.c_str(), "an integer", entry);
      return {};
    }
    if (!entry.is_number_unsigned() ||
        entry.get<std::uint64_t>() > std::numeric_limits<node::TokenId>::max()) {
      fields.refuse_value(name.c_str(), "not a token id.");
      return {};
    }
    ids.push_back(entry.get<node::TokenId>());
  }
  return ids;
}

void read_lengths(Fields& fields, CompletionRequest& out) {
  const std::int64_t least = out.echo ? 0 : 1;
  const auto tokens = fields.integer("max_tokens", least, std::numeric_limits<std::int32_t>::max());
  out.generation.max_tokens = tokens ? static_cast<std::uint32_t>(*tokens) : kDefaultMaxTokens;
}

void refuse_completion_features(Fields& fields, std::uint32_t choices) {
  if (fields.find("suffix")) fields.refuse_with(not_supported("'suffix'", "suffix"));
  const auto best_of = fields.integer("best_of", 1, std::numeric_limits<std::int32_t>::max());
  if (best_of && *best_of < choices) fields.refuse_value("best_of", "it must not be smaller than 'n'.");
  if (best_of && *best_of > choices)
    fields.refuse_with(not_supported("A 'best_of' greater than 'n'", "best_of"));
  refuse_unsupported(fields);
}

}  // namespace

std::vector<Prompt> read_prompts(Fields& fields, const char* name, std::size_t max_count) {
  const Json* given = fields.find(name);
  if (!given) {
    if (fields.ok()) fields.refuse_missing(name);
    return {};
  }
  if (given->is_string()) return {given->get<std::string>()};
  if (!given->is_array()) {
    fields.refuse_type(name, "a string, an array of strings, or an array of token ids", *given);
    return {};
  }
  if (given->empty()) {
    fields.refuse_with(
        bad_request(fmt::format("Invalid '{}': the array is empty.", name), name, "empty_array"));
    return {};
  }
  if (given->front().is_number()) return {read_ids(fields, *given, name)};
  if (!fields.array(name, max_count)) return {};
  std::vector<Prompt> prompts;
  for (std::size_t i = 0; i < given->size() && fields.ok(); ++i) {
    const Json& entry = (*given)[i];
    const std::string path = fmt::format("{}[{}]", name, i);
    if (entry.is_string()) {
      prompts.emplace_back(entry.get<std::string>());
    } else if (entry.is_array() && !entry.empty()) {
      prompts.emplace_back(read_ids(fields, entry, path));
    } else if (entry.is_array()) {
      fields.refuse_with(
          bad_request(fmt::format("Invalid '{}': the array is empty.", path), path, "empty_array"));
    } else {
      fields.refuse_type(path.c_str(), "a string or an array of token ids", entry);
    }
  }
  return prompts;
}

ApiResult<CompletionRequest> parse_completion_request(std::string_view body, const Limits& limits) {
  const auto document = parse_body(body, limits.json);
  if (!document) return refuse(document.error());
  Fields fields(*document);
  CompletionRequest out;
  out.prompts = read_prompts(fields, "prompt", limits.prompts);
  out.echo = fields.boolean("echo").value_or(false);
  read_generation_fields(fields, limits, out.generation);
  read_lengths(fields, out);
  // Unlike chat's boolean, this is a number; the sampled token comes besides the alternatives that it asks
  // for.
  if (const auto top = fields.integer("logprobs", 0, limits.top_logprobs)) {
    out.generation.sampling.top_logprobs = static_cast<std::int32_t>(*top);
  }
  refuse_completion_features(fields, out.generation.choices);
  if (!fields.ok()) return refuse(fields.error());
  return out;
}

}  // namespace zswarm::gateway
