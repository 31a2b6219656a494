#include "kernels/model/config.h"

#include <fmt/format.h>

#include <cmath>
#include <string_view>

#include "kernels/arch/architecture.h"

namespace zswarm::model {
namespace {

// Far above any model that exists, low enough that no product of two overflows anything.
constexpr std::int64_t kLayersMax = 1024;
constexpr std::int64_t kWidthMax = 65536;
constexpr std::int64_t kFfnWidthMax = 1 << 20;
constexpr std::int64_t kHeadsMax = 4096;
constexpr std::int64_t kHeadDimMax = 512;
constexpr std::int64_t kVocabMax = 1 << 22;
constexpr std::int64_t kContextMax = 1 << 24;

/// Reads keys of the form "<architecture>.<name>"; keeps the first error.
class Keys {
 public:
  Keys(const gguf::Reader& file, std::string_view architecture) : file_(file), architecture_(architecture) {}

  [[nodiscard]] std::string full(std::string_view name) const {
    return fmt::format("{}.{}", architecture_, name);
  }
  [[nodiscard]] const gguf::Value* find(std::string_view name) const { return file_.find(full(name)); }
  [[nodiscard]] bool failed() const { return !status_.has_value(); }
  [[nodiscard]] const Error& error() const { return status_.error(); }

  /// A count of 1 to max.
  std::uint32_t count(std::string_view name, std::int64_t max) {
    const gguf::Value* value = find(name);
    if (value != nullptr && value->type() == gguf::ValueType::kArray) {
      refuse(ErrorCode::kUnsupported,
             fmt::format("'{}' differs from layer to layer, which zswarm cannot run yet", full(name)));
      return 0;
    }
    const auto number = file_.get_int(full(name), 1, max);
    if (!number) keep(number.error());
    return number ? static_cast<std::uint32_t>(*number) : 0;
  }
  std::uint32_t count_or(std::string_view name, std::int64_t max, std::uint32_t fallback) {
    return find(name) == nullptr ? fallback : count(name, max);
  }

  /// A number in [min, max].
  double number(std::string_view name, double min, double max) {
    const auto value = file_.get_float(full(name));
    if (!value) {
      keep(value.error());
      return min;
    }
    if (!(*value >= min && *value <= max)) {
      refuse(ErrorCode::kCorrupt,
             fmt::format("'{}' is {}, outside of {} to {}", full(name), *value, min, max));
    }
    return *value;
  }
  double number_or(std::string_view name, double min, double max, double fallback) {
    return find(name) == nullptr ? fallback : number(name, min, max);
  }

  void refuse(ErrorCode code, std::string_view message) { keep(file_.error(code, message).value()); }

 private:
  void keep(Error error) {
    if (failed()) return;
    // A key that a model must have: its absence is a fault of the file, not of the request.
    if (error.code == ErrorCode::kNotFound) error.code = ErrorCode::kCorrupt;
    status_ = fail(std::move(error));
  }

  const gguf::Reader& file_;
  std::string_view architecture_;
  Status status_;
};

void read_heads(Keys& keys, Config& config) {
  config.heads = keys.count("attention.head_count", kHeadsMax);
  config.kv_heads = keys.count_or("attention.head_count_kv", kHeadsMax, config.heads);
  if (keys.failed()) return;
  if (config.heads % config.kv_heads != 0) {
    return keys.refuse(ErrorCode::kCorrupt, fmt::format("{} heads cannot share {} key-value heads evenly",
                                                        config.heads, config.kv_heads));
  }
  if (keys.find("attention.key_length") == nullptr && config.width % config.heads != 0) {
    return keys.refuse(ErrorCode::kCorrupt, fmt::format("the width {} is not a multiple of the {} heads",
                                                        config.width, config.heads));
  }
  const std::uint32_t even_share = config.width / config.heads;
  config.head_dim = keys.count_or("attention.key_length", kHeadDimMax, even_share);
  const std::uint32_t value_dim = keys.count_or("attention.value_length", kHeadDimMax, even_share);
  if (keys.failed()) return;
  if (value_dim != config.head_dim) {
    return keys.refuse(ErrorCode::kUnsupported,
                       fmt::format("keys of {} and values of {} elements per head cannot be run",
                                   config.head_dim, value_dim));
  }
  if (config.head_dim == 0 || config.head_dim % 2 != 0 || config.head_dim > kHeadDimMax) {
    return keys.refuse(ErrorCode::kCorrupt,
                       fmt::format("a head has {} elements; an even number up to {} is needed",
                                   config.head_dim, kHeadDimMax));
  }
  if (std::int64_t{config.heads} * config.head_dim > kWidthMax) {
    keys.refuse(ErrorCode::kCorrupt, fmt::format("{} heads of {} elements are wider than {}", config.heads,
                                                 config.head_dim, kWidthMax));
  }
}

void read_rope(Keys& keys, const gguf::Reader& file, Config& config) {
  config.rope_dims = keys.count_or("rope.dimension_count", kHeadDimMax, config.head_dim);
  config.rope_base = keys.number_or("rope.freq_base", 1.0, 1e12, 10000.0);
  if (keys.failed()) return;
  if (config.rope_dims % 2 != 0 || config.rope_dims > config.head_dim) {
    return keys.refuse(ErrorCode::kCorrupt,
                       fmt::format("'{}' is {}; it must be even and at most {}",
                                   keys.full("rope.dimension_count"), config.rope_dims, config.head_dim));
  }
  // Linear scaling is what a file means that states a factor and no type (Chen et al. 2023, "position
  // interpolation").
  std::string_view scaling = "linear";
  if (keys.find("rope.scaling.type") != nullptr) {
    const auto type = file.get_string(keys.full("rope.scaling.type"));
    if (!type)
      return keys.refuse(ErrorCode::kCorrupt,
                         fmt::format("'{}' is not a string", keys.full("rope.scaling.type")));
    scaling = *type;
  }
  if (scaling == "none") return;
  if (scaling != "linear") {
    return keys.refuse(
        ErrorCode::kUnsupported,
        fmt::format("rope scaling of type '{}' cannot be run yet; 'none', 'linear' and that of Llama 3 can",
                    printable(scaling)));
  }
  // scale_linear is the name that older converters wrote. 0 means: not scaled.
  const std::string_view key =
      keys.find("rope.scaling.factor") != nullptr ? "rope.scaling.factor" : "rope.scale_linear";
  const double factor = keys.number_or(key, 0.0, 1e6, 1.0);
  config.rope_position_scale = factor == 0.0 ? 1.0 : 1.0 / factor;
}

void read_vocab_size(Keys& keys, const gguf::Reader& file, Config& config) {
  const gguf::Value* tokens = file.find("tokenizer.ggml.tokens");
  if (tokens == nullptr) {
    config.vocab_size = keys.count("vocab_size", kVocabMax);
    return;
  }
  if (tokens->type() != gguf::ValueType::kArray || tokens->element_type() != gguf::ValueType::kString) {
    return keys.refuse(ErrorCode::kCorrupt, "'tokenizer.ggml.tokens' is not an array of strings");
  }
  if (tokens->size() < 1 || tokens->size() > static_cast<std::uint64_t>(kVocabMax)) {
    return keys.refuse(ErrorCode::kCorrupt, fmt::format("the vocabulary has {} tokens, outside of 1 to {}",
                                                        tokens->size(), kVocabMax));
  }
  config.vocab_size = static_cast<std::uint32_t>(tokens->size());
}

std::string known_architectures() {
  std::string names;
  for (const arch::Architecture* known : arch::architectures()) {
    if (!names.empty()) names += ", ";
    names += known->name;
  }
  return names;
}

Result<const arch::Architecture*> read_architecture(const gguf::Reader& file) {
  const auto name = file.get_string("general.architecture");
  if (!name) return fail(ErrorCode::kCorrupt, name.error().message);
  const arch::Architecture* architecture = arch::find_architecture(*name);
  if (architecture == nullptr) {
    return file.error(ErrorCode::kUnsupported,
                      fmt::format("the architecture '{}' cannot be run; these can: {}", printable(*name),
                                  known_architectures()));
  }
  return architecture;
}

}  // namespace

Result<Config> read_config(const gguf::Reader& file) {
  const auto architecture = read_architecture(file);
  if (!architecture) return fail(architecture.error());
  Keys keys(file, (*architecture)->name);
  Config config;
  config.arch = (*architecture)->name;
  config.rope_kind = (*architecture)->rope_kind;
  config.qk_norm = (*architecture)->qk_norm;
  config.qkv_bias = (*architecture)->qkv_bias || file.tensor("blk.0.attn_q.bias") != nullptr;
  if (const gguf::Value* name = file.find("general.name")) config.name = name->as_string().value_or("");

  const gguf::Value* experts = keys.find("expert_count");
  if (experts != nullptr && experts->as_int().value_or(1) != 0) {
    keys.refuse(ErrorCode::kUnsupported, "a mixture of experts cannot be run yet");
  }
  config.layers = keys.count("block_count", kLayersMax);
  config.context_length = keys.count("context_length", kContextMax);
  config.width = keys.count("embedding_length", kWidthMax);
  config.ffn_width = keys.count("feed_forward_length", kFfnWidthMax);
  config.norm_epsilon = static_cast<float>(keys.number("attention.layer_norm_rms_epsilon", 1e-12, 0.1));
  if (!keys.failed()) read_heads(keys, config);
  if (!keys.failed()) read_rope(keys, file, config);
  if (!keys.failed()) read_vocab_size(keys, file, config);
  if (keys.failed()) return fail(keys.error());
  return config;
}

}  // namespace zswarm::model
