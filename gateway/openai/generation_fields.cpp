#include "gateway/openai/generation_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace zswarm::gateway {
namespace {

void read_penalties(Fields& fields, sampling::Params& params) {
  if (const auto v = fields.decimal("frequency_penalty", -2, 2))
    params.frequency_penalty = static_cast<float>(*v);
  if (const auto v = fields.decimal("presence_penalty", -2, 2))
    params.presence_penalty = static_cast<float>(*v);
  const auto repetition = fields.decimal("repetition_penalty", 0.01, 100);
  const auto repeat = fields.decimal("repeat_penalty", 0.01, 100);
  if (repetition && repeat && *repetition != *repeat) {
    fields.refuse_value("repeat_penalty", "it is another name of repetition_penalty, and the two differ.");
  }
  if (repetition) params.repetition_penalty = static_cast<float>(*repetition);
  if (repeat) params.repetition_penalty = static_cast<float>(*repeat);
  if (const auto v = fields.integer("repeat_last_n", -1, std::numeric_limits<std::int32_t>::max())) {
    params.penalty_window = static_cast<std::int32_t>(*v);
    if (*v == 0) params.repetition_penalty = 1;  // looks back at nothing
  }
}

void read_logit_bias(Fields& fields, const Limits& limits, sampling::Params& params) {
  const Json* bias = fields.object("logit_bias");
  if (!bias) return;
  if (bias->size() > limits.logit_bias) {
    return fields.refuse_value("logit_bias", fmt::format("at most {} entries.", limits.logit_bias));
  }
  Fields entries(*bias, "logit_bias");
  for (const auto& [key, value] : bias->items()) {
    node::TokenId id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || id < 0) {
      return fields.refuse_value("logit_bias", fmt::format("'{}' is not a token id.", printable(key)));
    }
    const auto weight = entries.decimal(key.c_str(), -100, 100);
    if (!entries.ok()) return fields.refuse_with(entries.error());
    // "1" and "01" are the same id; the last one counts, as for equal keys.
    auto& pairs = params.logit_bias;
    std::erase_if(pairs, [id](const auto& pair) { return pair.first == id; });
    if (weight) pairs.emplace_back(id, static_cast<float>(*weight));
  }
}

// What a request gets that names none of the fields which cut off unlikely tokens: at temperature 1, OpenAI's
// default, small models ramble otherwise. A request that names one of them gets what it says and no more.
constexpr float kDefaultMinP = 0.05f;
constexpr const char* kCutOffs[] = {"top_k", "top_p", "min_p", "typical_p"};

void read_sampling(Fields& fields, const Limits& limits, sampling::Params& params) {
  if (std::ranges::none_of(kCutOffs, [&](const char* name) { return fields.find(name) != nullptr; })) {
    params.min_p = kDefaultMinP;
  }
  if (const auto v = fields.decimal("temperature", 0, 2)) params.temperature = static_cast<float>(*v);
  if (const auto v = fields.decimal("top_p", 0, 1)) {
    // OpenAI allows 0, which keeps the most likely token alone; the sampler's range begins above it.
    params.top_p = std::max(static_cast<float>(*v), std::numeric_limits<float>::min());
  }
  if (const auto v = fields.integer("top_k", -1, std::numeric_limits<std::int32_t>::max())) {
    params.top_k = static_cast<std::int32_t>(std::max<std::int64_t>(*v, 0));  // -1 and 0: off
  }
  if (const auto v = fields.decimal("min_p", 0, 1)) {
    params.min_p = std::min(static_cast<float>(*v), std::nextafter(1.0f, 0.0f));
  }
  if (const auto v = fields.decimal("typical_p", 0, 1)) {
    params.typical_p = std::max(static_cast<float>(*v), std::numeric_limits<float>::min());
  }
  read_penalties(fields, params);
  read_logit_bias(fields, limits, params);
}

void read_stop(Fields& fields, const Limits& limits, std::vector<std::string>& out) {
  const Json* stop = fields.find("stop");
  if (!stop) return;
  if (!stop->is_string() && !stop->is_array())
    return fields.refuse_type("stop", "a string or an array of strings", *stop);
  if (stop->is_array() && !fields.array("stop", limits.stop_strings)) return;
  const auto add = [&](const Json& entry, const std::string& name) {
    if (!entry.is_string()) return fields.refuse_type(name.c_str(), "a string", entry);
    const auto& text = entry.get_ref<const std::string&>();
    if (text.empty()) return fields.refuse_value(name.c_str(), "a stop string must not be empty.");
    if (text.size() > limits.stop_bytes) {
      return fields.refuse_value(name.c_str(), fmt::format("longer than {} bytes.", limits.stop_bytes));
    }
    out.push_back(text);
  };
  if (stop->is_string()) return add(*stop, "stop");
  for (std::size_t i = 0; i < stop->size() && fields.ok(); ++i) add((*stop)[i], fmt::format("stop[{}]", i));
}

void read_seed(Fields& fields, std::optional<std::uint64_t>& out) {
  const Json* seed = fields.find("seed");
  if (!seed) return;
  if (!seed->is_number_integer()) return fields.refuse_type("seed", "an integer", *seed);
  out = seed->is_number_unsigned() ? seed->get<std::uint64_t>()
                                   : static_cast<std::uint64_t>(seed->get<std::int64_t>());
}

void read_streaming(Fields& fields, GenerationFields& out) {
  out.stream = fields.boolean("stream").value_or(false);
  const Json* options = fields.object("stream_options");
  if (!options) return;
  if (!out.stream) {
    return fields.refuse_value("stream_options", "only allowed when 'stream' is true.");
  }
  Fields inner(*options, "stream_options");
  out.include_usage = inner.boolean("include_usage").value_or(false);
  if (!inner.ok()) fields.refuse_with(inner.error());
}

// True for values that ask for nothing: false, 0, "", [], {}.
bool asks_for_nothing(const Json& value) {
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number()) return value.get<double>() == 0;
  return value.empty() || (value.is_string() && value.get_ref<const std::string&>().empty());
}

}  // namespace

void read_generation_fields(Fields& fields, const Limits& limits, GenerationFields& out) {
  out.model = fields.text("model", limits.model_name_bytes).value_or("");
  read_sampling(fields, limits, out.sampling);
  read_stop(fields, limits, out.stop);
  read_seed(fields, out.seed);
  read_streaming(fields, out);
  out.choices = static_cast<std::uint32_t>(fields.integer("n", 1, limits.choices).value_or(1));
  out.ignore_eos = fields.boolean("ignore_eos").value_or(false);
}

void refuse_unsupported(Fields& fields) {
  if (const Json* format = fields.object("response_format")) {
    Fields inner(*format, "response_format");
    const auto type = inner.text("type", 64);
    if (!inner.ok()) return fields.refuse_with(inner.error());
    if (!type) return inner.refuse_missing("type"), fields.refuse_with(inner.error());
    if (*type == "json_object" || *type == "json_schema" || *type == "grammar" || *type == "regex") {
      return fields.refuse_with(
          not_supported(fmt::format("Constrained output (response_format '{}')", *type), "response_format"));
    }
    if (*type != "text")
      return fields.refuse_value("response_format", fmt::format("unknown type '{}'.", printable(*type)));
  }
  if (const auto tier = fields.text("service_tier", 64); tier && *tier != "auto" && *tier != "default") {
    return fields.refuse_with(
        not_supported(fmt::format("service_tier '{}'", printable(*tier)), "service_tier"));
  }
  // OpenAI's own, then what other servers call constrained output, then samplers that would change the
  // answer.
  static constexpr const char* kNames[] = {"functions",
                                           "audio",
                                           "prediction",
                                           "web_search_options",
                                           "moderation",
                                           "grammar",
                                           "json_schema",
                                           "guided_json",
                                           "guided_regex",
                                           "guided_choice",
                                           "guided_grammar",
                                           "structured_outputs",
                                           "continue_final_message",
                                           "mirostat",
                                           "dry_multiplier",
                                           "xtc_probability",
                                           "dynatemp_range",
                                           "top_n_sigma",
                                           "use_beam_search",
                                           "lora"};
  for (const char* name : kNames) {
    const Json* value = fields.find(name);
    if (value && !asks_for_nothing(*value))
      return fields.refuse_with(not_supported(fmt::format("'{}'", name), name));
  }
}

tl::expected<void, ApiError> check_against_model(const GenerationFields& fields, const node::ModelCard& card,
                                                 std::size_t prompts, const Limits& limits) {
  for (const auto& [id, bias] : fields.sampling.logit_bias) {
    if (id >= card.vocab_size) {
      return refuse(
          bad_request(fmt::format("Invalid 'logit_bias': the model has no token {} (its ids end at {}).", id,
                                  card.vocab_size - 1),
                      "logit_bias", "invalid_value"));
    }
  }
  const std::uint64_t answers = std::uint64_t{fields.choices} * prompts;
  if (answers > limits.answers) {
    return refuse(bad_request(fmt::format("Invalid 'n': {} answers in one request, at most {} are allowed.",
                                          answers, limits.answers),
                              "n", "integer_above_max_value"));
  }
  return {};
}

ApiError too_many_logprobs() {
  return bad_request(
      "Too many logprobs for one request: ask for fewer choices, tokens or alternatives, or stream the "
      "answer.",
      "logprobs", "too_many_logprobs");
}

std::uint64_t answer_seed(std::uint64_t seed, std::uint64_t index) {
  if (index == 0) return seed;
  // SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): its finaliser over the index-th step from `seed`.
  std::uint64_t z = seed + index * 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

node::GenerateRequest generate_request(const GenerationFields& fields, const node::ModelCard& card,
                                       std::uint64_t seed, std::uint64_t index) {
  node::GenerateRequest request;
  request.model = card.id;
  request.sampling = fields.sampling;
  request.sampling.seed = answer_seed(seed, index);
  request.max_tokens = fields.max_tokens;
  request.stop = fields.stop;
  request.ignore_eos = fields.ignore_eos;
  return request;
}

}  // namespace zswarm::gateway
