#include "kernels/tokenizer/metadata.h"

#include <fmt/core.h>

#include <string>

namespace zswarm::tokenizer {
namespace {

using gguf::Reader;
using gguf::Value;

/// Copies what `convert` makes of the value at `key` into `target`; a missing key leaves it as it is.
template <class T, class Convert>
Status read_optional(const Reader& file, std::string_view key, const char* expected, T& target,
                     Convert convert) {
  const Value* value = file.find(key);
  if (value == nullptr) return {};
  auto converted = convert(*value);
  if (!converted) return file.error(ErrorCode::kCorrupt, fmt::format("{} is not {}.", key, expected));
  target = std::move(*converted);
  return {};
}

Status read_string(const Reader& file, std::string_view key, std::string_view& target) {
  return read_optional(file, key, "a string", target, [](const Value& v) { return v.as_string(); });
}

Status read_strings(const Reader& file, std::string_view key, std::vector<std::string_view>& target) {
  return read_optional(file, key, "a list of strings", target, [](const Value& v) { return v.as_strings(); });
}

Status read_id(const Reader& file, std::string_view key, std::optional<std::int64_t>& target) {
  return read_optional(file, key, "an integer", target, [](const Value& v) { return v.as_int(); });
}

Status read_flag(const Reader& file, std::string_view key, std::optional<bool>& target) {
  return read_optional(file, key, "a boolean", target, [](const Value& v) { return v.as_bool(); });
}

/// Scores are float32; some converters wrote ranks as int32.
Status read_scores(const Reader& file, std::vector<float>& target) {
  return read_optional(file, "tokenizer.ggml.scores", "a list of numbers", target,
                       [](const Value& v) -> std::optional<std::vector<float>> {
                         if (auto floats = v.as_floats()) return floats;
                         const auto ints = v.as_ints();
                         if (!ints) return std::nullopt;
                         std::vector<float> scores;
                         scores.reserve(ints->size());
                         for (const std::int64_t i : *ints) scores.push_back(static_cast<float>(i));
                         return scores;
                       });
}

Status read_all(const Reader& file, Metadata& m) {
  struct StringKey {
    std::string_view key;
    std::string_view* target;
  };
  for (const auto& [key, target] : {StringKey{"general.architecture", &m.architecture},
                                    {"general.name", &m.name},
                                    {"tokenizer.ggml.model", &m.model},
                                    {"tokenizer.ggml.pre", &m.pre}}) {
    if (auto ok = read_string(file, key, *target); !ok) return ok;
  }
  if (auto ok = read_strings(file, "tokenizer.ggml.tokens", m.tokens); !ok) return ok;
  if (auto ok = read_strings(file, "tokenizer.ggml.merges", m.merges); !ok) return ok;
  if (auto ok = read_scores(file, m.scores); !ok) return ok;
  if (auto ok = read_optional(file, "tokenizer.ggml.token_type", "a list of integers", m.types,
                              [](const Value& v) { return v.as_ints(); });
      !ok) {
    return ok;
  }
  struct IdKey {
    std::string_view key;
    std::optional<std::int64_t>* target;
  };
  for (const auto& [key, target] :
       {IdKey{"tokenizer.ggml.bos_token_id", &m.bos},
        {"tokenizer.ggml.eos_token_id", &m.eos},
        {"tokenizer.ggml.eot_token_id", &m.eot},
        {"tokenizer.ggml.eom_token_id", &m.eom},
        {"tokenizer.ggml.unknown_token_id", &m.unk},
        {"tokenizer.ggml.seperator_token_id", &m.sep},  // the format's own spelling
        {"tokenizer.ggml.cls_token_id", &m.cls},
        {"tokenizer.ggml.padding_token_id", &m.pad},
        {"tokenizer.ggml.mask_token_id", &m.mask}}) {
    if (auto ok = read_id(file, key, *target); !ok) return ok;
  }
  struct FlagKey {
    std::string_view key;
    std::optional<bool>* target;
  };
  for (const auto& [key, target] : {FlagKey{"tokenizer.ggml.add_bos_token", &m.add_bos},
                                    {"tokenizer.ggml.add_eos_token", &m.add_eos},
                                    {"tokenizer.ggml.add_space_prefix", &m.add_space_prefix},
                                    {"tokenizer.ggml.normalizer.lowercase", &m.lowercase},
                                    {"tokenizer.ggml.normalizer.strip_accents", &m.strip_accents}}) {
    if (auto ok = read_flag(file, key, *target); !ok) return ok;
  }
  return {};
}

}  // namespace

Result<Metadata> read_metadata(const Reader& file) {
  Metadata m;
  if (auto ok = read_all(file, m); !ok) return fail(ok.error());
  for (const std::string_view key : {"tokenizer.ggml.model", "tokenizer.ggml.tokens"}) {
    if (file.find(key) == nullptr) {
      return file.error(ErrorCode::kNotFound,
                        fmt::format("has no {}, so it cannot turn text into tokens.", key));
    }
  }
  return m;
}

}  // namespace zswarm::tokenizer
