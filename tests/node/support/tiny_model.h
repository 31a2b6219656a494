// A model file that is small enough for a test, yet whole: a llama of two layers with random float32 weights,
// and a SentencePiece vocabulary of the 256 bytes and a few words.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "tests/support/gguf_writer.h"

namespace zswarm::test {

struct TinyModel {
  std::uint64_t seed = 1;  // of the weights
  std::uint32_t context = 2048;
  std::string chat_template;  // empty: none

  static constexpr std::uint32_t kWidth = 64, kFfn = 96, kHeads = 4, kKvHeads = 2, kHeadDim = 16, kLayers = 2;
  static constexpr std::int32_t kBos = 1, kEos = 2, kFirstByte = 3;

  [[nodiscard]] GgufWriter writer() const {
    GgufWriter file;
    add_metadata(file);
    const std::uint32_t vocab = add_vocabulary(file);
    std::mt19937_64 random(seed);
    const auto matrix = [&](const std::string& name, std::uint32_t in, std::uint32_t out, float scale) {
      std::normal_distribution<float> normal(0, scale / std::sqrt(static_cast<float>(in)));
      std::vector<float> values(std::size_t{in} * out);
      for (float& value : values) value = normal(random);
      file.tensor(name, {in, out}, values);
    };
    const auto ones = [&](const std::string& name) {
      file.tensor(name, {kWidth}, std::vector<float>(kWidth, 1.0f));
    };
    matrix("token_embd.weight", kWidth, vocab, 8);
    for (std::uint32_t layer = 0; layer < kLayers; ++layer) {
      const std::string b = fmt::format("blk.{}.", layer);
      ones(b + "attn_norm.weight");
      ones(b + "ffn_norm.weight");
      matrix(b + "attn_q.weight", kWidth, kHeads * kHeadDim, 2);
      matrix(b + "attn_k.weight", kWidth, kKvHeads * kHeadDim, 2);
      matrix(b + "attn_v.weight", kWidth, kKvHeads * kHeadDim, 2);
      matrix(b + "attn_output.weight", kHeads * kHeadDim, kWidth, 2);
      matrix(b + "ffn_gate.weight", kWidth, kFfn, 2);
      matrix(b + "ffn_up.weight", kWidth, kFfn, 2);
      matrix(b + "ffn_down.weight", kFfn, kWidth, 2);
    }
    ones("output_norm.weight");
    matrix("output.weight", kWidth, vocab, 3);
    return file;
  }

 private:
  void add_metadata(GgufWriter& file) const {
    file.add("general.architecture", "llama").add("general.name", "A tiny llama");
    file.add("llama.block_count", kLayers).add("llama.context_length", context);
    file.add("llama.embedding_length", kWidth).add("llama.feed_forward_length", kFfn);
    file.add("llama.attention.head_count", kHeads).add("llama.attention.head_count_kv", kKvHeads);
    file.add("llama.attention.layer_norm_rms_epsilon", 1e-5f).add("llama.rope.dimension_count", kHeadDim);
    if (!chat_template.empty()) file.add("tokenizer.chat_template", chat_template);
  }
  /// Returns the number of tokens.
  static std::uint32_t add_vocabulary(GgufWriter& file) {
    std::vector<std::string> tokens{"<unk>", "<s>", "</s>"};
    std::vector<std::int32_t> types{2, 3, 3};  // unknown, control, control
    for (int byte = 0; byte < 256; ++byte)
      tokens.push_back(fmt::format("<0x{:02X}>", byte)), types.push_back(6);
    for (const char* word : {"a", "b", "c", "ab", "abc", "\xe2\x96\x81",
                             "\xe2\x96\x81"
                             "a",
                             "hello"}) {
      tokens.push_back(word), types.push_back(1);
    }
    while (tokens.size() % 32 != 0)
      tokens.push_back(fmt::format("word{}", tokens.size())), types.push_back(1);
    std::vector<float> scores(tokens.size(), 0.0f);
    for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = -static_cast<float>(i);
    const auto count = static_cast<std::uint32_t>(tokens.size());
    file.add("tokenizer.ggml.model", "llama").add("tokenizer.ggml.tokens", tokens);
    file.add("tokenizer.ggml.scores", scores).add("tokenizer.ggml.token_type", types);
    file.add("tokenizer.ggml.bos_token_id", std::uint32_t{kBos})
        .add("tokenizer.ggml.eos_token_id", std::uint32_t{kEos});
    file.add("tokenizer.ggml.unknown_token_id", std::uint32_t{0});
    return count;
  }
};

/// A folder of its own for a test's files, removed with them.
class TestFolder {
 public:
  TestFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "zswarm-test-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  std::filesystem::path path;
};

}  // namespace zswarm::test
