// Small random models as GGUF bytes: every architecture and weight type, no file needed.
#pragma once

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "tests/support/gguf_writer.h"
#include "tests/support/random_weights.h"

namespace zswarm::test {

struct SmallModel {
  std::string arch = "llama";
  gguf::TensorType type = gguf::TensorType::kQ4_0;
  std::uint32_t layers = 3, width = 256, ffn = 512, heads = 4, kv_heads = 2, head_dim = 64, vocab = 300;
  bool tied = false;
  bool rope_factors = false;
  std::uint64_t seed = 1;
  std::string without = {};    // leaves this matrix out
  std::string misshapen = {};  // gives this matrix another row

  [[nodiscard]] GgufWriter writer() const {
    GgufWriter file;
    std::mt19937_64 random(seed);
    describe(file);
    const auto matrix = [&](const std::string& name, std::uint64_t cols, std::uint64_t rows) {
      if (name == without) return;
      rows += name == misshapen ? 1 : 0;
      // Weights of about 1 / sqrt(cols), so that hidden states keep their size; codes of K-quants reach far,
      // their scales are smaller.
      const bool is_float = quant::weight_type(type)->unpack == nullptr;
      const float scale = (is_float ? 1.7f : 0.02f) / std::sqrt(static_cast<float>(cols));
      file.tensor(name, type, {cols, rows}, random_weights(type, cols * rows, random, scale));
    };
    const auto vector = [&](const std::string& name, std::uint64_t n, float mean) {
      std::normal_distribution<float> normal(mean, 0.1f);
      std::vector<float> values(n);
      for (float& v : values) v = normal(random);
      file.tensor(name, {n}, values);
    };
    matrix("token_embd.weight", width, vocab);
    for (std::uint32_t i = 0; i < layers; ++i) {
      const std::string b = "blk." + std::to_string(i) + ".";
      vector(b + "attn_norm.weight", width, 1);
      matrix(b + "attn_q.weight", width, heads * head_dim);
      matrix(b + "attn_k.weight", width, kv_heads * head_dim);
      matrix(b + "attn_v.weight", width, kv_heads * head_dim);
      matrix(b + "attn_output.weight", heads * head_dim, width);
      if (arch == "qwen2") {
        vector(b + "attn_q.bias", heads * head_dim, 0);
        vector(b + "attn_k.bias", kv_heads * head_dim, 0);
        vector(b + "attn_v.bias", kv_heads * head_dim, 0);
      }
      if (arch == "qwen3") {
        vector(b + "attn_q_norm.weight", head_dim, 1);
        vector(b + "attn_k_norm.weight", head_dim, 1);
      }
      vector(b + "ffn_norm.weight", width, 1);
      matrix(b + "ffn_gate.weight", width, ffn);
      matrix(b + "ffn_up.weight", width, ffn);
      matrix(b + "ffn_down.weight", ffn, width);
    }
    vector("output_norm.weight", width, 1);
    if (!tied) matrix("output.weight", width, vocab);
    if (rope_factors) vector("rope_freqs.weight", head_dim / 2, 4);
    return file;
  }

 private:
  void describe(GgufWriter& file) const {
    const auto key = [&](const char* name) { return arch + "." + name; };
    std::vector<std::string> tokens;
    for (std::uint32_t i = 0; i < vocab; ++i) tokens.push_back("t" + std::to_string(i));
    file.add("general.architecture", std::string_view(arch))
        .add("general.name", "small")
        .add(key("block_count"), layers);
    file.add(key("context_length"), std::uint32_t{4096}).add(key("embedding_length"), width);
    file.add(key("feed_forward_length"), ffn).add(key("attention.head_count"), heads);
    file.add(key("attention.head_count_kv"), kv_heads).add(key("attention.key_length"), head_dim);
    file.add(key("attention.value_length"), head_dim).add(key("rope.dimension_count"), head_dim);
    file.add(key("attention.layer_norm_rms_epsilon"), 1e-5f).add(key("rope.freq_base"), 10000.0f);
    file.add("tokenizer.ggml.model", "gpt2").add("tokenizer.ggml.tokens", tokens);
  }
};

}  // namespace zswarm::test
