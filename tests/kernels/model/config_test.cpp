#include "kernels/model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/arch/architecture.h"
#include "kernels/model/obstacles.h"
#include "tests/support/gguf_writer.h"

namespace zswarm::model {
namespace {

using gguf::Reader;
using test::GgufWriter;
using ::testing::HasSubstr;

Result<Config> config_of(const GgufWriter& writer) {
  const auto file = Reader::from_bytes(writer.bytes(), "test.gguf");
  EXPECT_TRUE(file) << file.error().message;
  return read_config(*file);
}

/// A small valid model of this architecture without the keys named.
GgufWriter model(const std::string& arch, const std::vector<std::string>& without = {}) {
  GgufWriter writer;
  const auto add = [&](const std::string& key, auto value) {
    if (std::find(without.begin(), without.end(), key) == without.end()) writer.add(arch + "." + key, value);
  };
  if (std::find(without.begin(), without.end(), "architecture") == without.end())
    writer.add("general.architecture", arch);
  add("block_count", std::uint32_t{2});
  add("context_length", std::uint32_t{128});
  add("embedding_length", std::uint32_t{64});
  add("feed_forward_length", std::uint32_t{96});
  add("attention.head_count", std::uint32_t{4});
  add("attention.head_count_kv", std::uint32_t{2});
  add("attention.layer_norm_rms_epsilon", 1e-5f);
  if (std::find(without.begin(), without.end(), "tokens") == without.end()) {
    writer.add("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "c"});
  }
  return writer;
}

TEST(Config, ReadsALlama) {
  GgufWriter writer = model("llama");
  writer.add("general.name", "Small")
      .add("llama.rope.freq_base", 500000.0f)
      .add("llama.rope.dimension_count", std::uint32_t{16});
  const auto config = config_of(writer);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->arch, "llama");
  EXPECT_EQ(config->name, "Small");
  EXPECT_EQ(config->layers, 2u);
  EXPECT_EQ(config->width, 64u);
  EXPECT_EQ(config->ffn_width, 96u);
  EXPECT_EQ(config->heads, 4u);
  EXPECT_EQ(config->kv_heads, 2u);
  EXPECT_EQ(config->head_dim, 16u);
  EXPECT_EQ(config->vocab_size, 3u);
  EXPECT_EQ(config->context_length, 128u);
  EXPECT_EQ(config->norm_epsilon, 1e-5f);
  EXPECT_EQ(config->rope_kind, RopeKind::kInterleaved);
  EXPECT_EQ(config->rope_dims, 16u);
  EXPECT_EQ(config->rope_base, 500000.0);
  EXPECT_EQ(config->rope_position_scale, 1.0);
  EXPECT_FALSE(config->qkv_bias);
  EXPECT_FALSE(config->qk_norm);
}

TEST(Config, KnowsWhatDistinguishesTheArchitectures) {
  const auto qwen2 = config_of(model("qwen2"));
  ASSERT_TRUE(qwen2);
  EXPECT_EQ(qwen2->rope_kind, RopeKind::kHalves);
  EXPECT_TRUE(qwen2->qkv_bias);
  EXPECT_FALSE(qwen2->qk_norm);
  const auto qwen3 = config_of(model("qwen3")
                                   .add("qwen3.attention.key_length", std::uint32_t{32})
                                   .add("qwen3.attention.value_length", std::uint32_t{32}));
  ASSERT_TRUE(qwen3) << qwen3.error().message;
  EXPECT_EQ(qwen3->rope_kind, RopeKind::kHalves);
  EXPECT_EQ(qwen3->head_dim, 32u);  // wider together than the model
  EXPECT_EQ(qwen3->rope_dims, 32u);
  EXPECT_FALSE(qwen3->qkv_bias);
  EXPECT_TRUE(qwen3->qk_norm);
  EXPECT_EQ(arch::architectures().size(), 3u);
}

TEST(Config, FillsInWhatAFileMayLeaveOut) {
  const auto config = config_of(model("llama", {"attention.head_count_kv"}));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->kv_heads, 4u);
  EXPECT_EQ(config->rope_base, 10000.0);
  const auto without_tokens =
      config_of(model("llama", {"tokens"}).add("llama.vocab_size", std::uint32_t{1000}));
  ASSERT_TRUE(without_tokens);
  EXPECT_EQ(without_tokens->vocab_size, 1000u);
  const auto biased = config_of(model("llama").tensor("blk.0.attn_q.bias", {64}, std::vector<float>(64)));
  ASSERT_TRUE(biased);
  EXPECT_TRUE(biased->qkv_bias);
}

TEST(Config, ReadsRopeScaling) {
  const auto scale = [](GgufWriter writer) {
    const auto config = config_of(writer);
    EXPECT_TRUE(config) << config.error().message;
    return config ? config->rope_position_scale : -1.0;
  };
  EXPECT_EQ(
      scale(model("llama").add("llama.rope.scaling.type", "none").add("llama.rope.scaling.factor", 4.0f)),
      1.0);
  EXPECT_EQ(
      scale(model("llama").add("llama.rope.scaling.type", "linear").add("llama.rope.scaling.factor", 4.0f)),
      0.25);
  EXPECT_EQ(scale(model("llama").add("llama.rope.scaling.factor", 8.0f)), 0.125);
  EXPECT_EQ(scale(model("llama").add("llama.rope.scale_linear", 2.0f)), 0.5);
  EXPECT_EQ(scale(model("llama").add("llama.rope.scaling.factor", 0.0f)), 1.0);
}

struct Refusal {
  std::string what;
  GgufWriter file;
  ErrorCode code;
  std::string says;
};

TEST(Config, RefusesWhatCannotBeRunAndNamesFileAndKey) {
  const auto corrupt = ErrorCode::kCorrupt;
  const auto unsupported = ErrorCode::kUnsupported;
  const auto with = [](const std::string& key, auto value) {
    return model("llama", {key}).add("llama." + key, value);
  };
  std::vector<Refusal> all = {
      {"no architecture", model("llama", {"architecture"}), corrupt, "'general.architecture' is missing"},
      {"unknown architecture", model("mam\nba"), unsupported,
       "'mam\\x0aba' cannot be run; these can: llama, qwen2, qwen3"},
      {"experts", with("expert_count", std::uint32_t{8}), unsupported, "mixture of experts"},
      {"experts as text", with("expert_count", "8"), unsupported, "mixture of experts"},
      {"heads per layer", with("attention.head_count", std::vector<std::uint32_t>{4, 4}), unsupported,
       "layer to layer"},
      {"widths per layer", with("feed_forward_length", std::vector<std::uint32_t>{4, 4}), unsupported,
       "layer to layer"},
      {"uneven groups", with("attention.head_count_kv", std::uint32_t{3}), corrupt, "4 heads cannot share 3"},
      {"more kv heads", with("attention.head_count_kv", std::uint32_t{8}), corrupt, "4 heads cannot share 8"},
      {"width and heads", with("attention.head_count", std::uint32_t{6}), corrupt,
       "64 is not a multiple of the 6 heads"},
      {"odd heads", with("embedding_length", std::uint32_t{60}), corrupt, "a head has 15 elements"},
      {"long heads", with("embedding_length", std::uint32_t{4096}), corrupt, "a head has 1024 elements"},
      {"heads and width",
       with("attention.key_length", std::uint32_t{512})
           .add("llama.attention.value_length", std::uint32_t{256}),
       unsupported, "keys of 512"},
      {"odd rope", with("rope.dimension_count", std::uint32_t{15}), corrupt, "must be even and at most 16"},
      {"wide rope", with("rope.dimension_count", std::uint32_t{32}), corrupt, "must be even and at most 16"},
      {"rope base", with("rope.freq_base", 0.0f), corrupt, "'llama.rope.freq_base' is 0"},
      {"yarn", with("rope.scaling.type", "yarn"), unsupported, "'yarn' cannot be run yet"},
      {"scaling as a number", with("rope.scaling.type", 1), corrupt, "is not a string"},
      {"negative factor", with("rope.scaling.factor", -1.0f), corrupt, "'llama.rope.scaling.factor' is -1"},
      {"epsilon", with("attention.layer_norm_rms_epsilon", 0.0f), corrupt, "rms_epsilon' is 0"},
      {"epsilon NaN", with("attention.layer_norm_rms_epsilon", std::numeric_limits<float>::quiet_NaN()),
       corrupt, "not a finite"},
      {"no vocabulary", model("llama", {"tokens"}), corrupt, "'llama.vocab_size' is missing"},
      {"empty vocabulary",
       model("llama", {"tokens"}).add("tokenizer.ggml.tokens", std::vector<std::string>{}), corrupt,
       "has 0 tokens"},
      {"numeric vocabulary", model("llama", {"tokens"}).add("tokenizer.ggml.tokens", std::vector<float>{1}),
       corrupt, "not an array of strings"},
  };
  for (const char* key :
       {"block_count", "context_length", "embedding_length", "feed_forward_length", "attention.head_count"}) {
    const std::string full = std::string("'llama.") + key + "'";
    all.push_back({std::string("no ") + key, model("llama", {key}), corrupt, full + " is missing"});
    all.push_back(
        {std::string("zero ") + key, with(key, std::uint32_t{0}), corrupt, full + " is 0, outside of 1 to"});
    all.push_back({std::string("huge ") + key, with(key, std::uint32_t{1} << 31), corrupt,
                   full + " is 2147483648, outside"});
    all.push_back({std::string("textual ") + key, with(key, "2"), corrupt, full + " is of type string"});
  }
  for (const Refusal& refusal : all) {
    SCOPED_TRACE(refusal.what);
    const auto config = config_of(refusal.file);
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().code, refusal.code) << config.error().message;
    EXPECT_THAT(config.error().message, HasSubstr(refusal.says));
    EXPECT_THAT(config.error().message, ::testing::StartsWith("test.gguf: "));
  }
}

TEST(Obstacles, NamesEachReasonWhyAFileCannotRun) {
  const auto of = [](const GgufWriter& writer) {
    return obstacles(*Reader::from_bytes(writer.bytes(), "test.gguf"));
  };
  EXPECT_THAT(of(model("llama").tensor("x", {1}, std::vector<float>{1})), ::testing::IsEmpty());
  EXPECT_THAT(of(model("llama")), ::testing::ElementsAre(HasSubstr("no tensors")));
  GgufWriter both = model("mamba");
  both.tensor({"a", 16, {256}, std::vector<std::byte>(66), std::nullopt});
  EXPECT_THAT(of(both), ::testing::ElementsAre(HasSubstr("'mamba' cannot be run"),
                                               HasSubstr("1 tensors are of type IQ2_XXS")));
}

}  // namespace
}  // namespace zswarm::model
