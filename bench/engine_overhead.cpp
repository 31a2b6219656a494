// What the engine itself costs per step: scheduling, pages, sampling, text, events; everything but the model.
//
//   engine_overhead [sequences=16] [tokens=2000]
//
// The model is one that computes nothing, with a vocabulary of 256, so that sampling costs little too. Prints
// microseconds per step.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "kernels/base/team.h"
#include "node/engine/engine.h"

namespace {

using namespace zswarm;

class NullModel : public model::Model {
 public:
  NullModel() {
    config_.layers = config_.heads = config_.kv_heads = 1;
    config_.head_dim = 2;
    config_.width = 8;
    config_.vocab_size = 256;
    config_.context_length = 1 << 20;
  }
  const model::Config& config() const override { return config_; }
  model::LayerRange layers() const override { return {0, 1}; }
  std::uint64_t weight_bytes() const override { return 0; }
  std::uint64_t bytes_read_per_token() const override { return 0; }
  std::uint32_t max_step_tokens() const override { return 512; }
  model::StepResult forward(std::span<const model::Slice> slices, model::KvCache&, model::OutputKind,
                            std::span<const float>) override {
    rows_.assign(slices.size() * config_.vocab_size, 0.0f);
    for (std::size_t i = 0; i < slices.size(); ++i)
      rows_[i * config_.vocab_size + 'a' + slices[i].position % 26] = 9;
    return {rows_, slices.size(), config_.vocab_size};
  }

 private:
  model::Config config_;
  std::vector<float> rows_;
};

/// Token id = byte.
class ByteTokenizer : public tokenizer::Tokenizer {
 public:
  Result<std::vector<tokenizer::TokenId>> encode(std::string_view text,
                                                 tokenizer::EncodeOptions) const override {
    return std::vector<tokenizer::TokenId>(text.begin(), text.end());
  }
  std::string token_bytes(tokenizer::TokenId id, bool) const override {
    return std::string(1, static_cast<char>(id));
  }
  std::string decode(std::span<const tokenizer::TokenId> ids, bool) const override {
    return {ids.begin(), ids.end()};
  }
  tokenizer::TokenId vocab_size() const override { return 256; }
  std::string_view token_text(tokenizer::TokenId) const override { return {}; }
  std::optional<tokenizer::TokenId> bos() const override { return std::nullopt; }
  std::optional<tokenizer::TokenId> eos() const override { return std::nullopt; }
  bool adds_bos() const override { return false; }
  bool ends_generation(tokenizer::TokenId) const override { return false; }
  bool is_special(tokenizer::TokenId) const override { return false; }
  bool strips_leading_space() const override { return false; }
};

}  // namespace

int main(int argc, char** argv) {
  const auto sequences = static_cast<std::uint32_t>(argc > 1 ? std::atoi(argv[1]) : 16);
  const auto tokens = static_cast<std::uint32_t>(argc > 2 ? std::atoi(argv[2]) : 2000);
  NullModel model;
  const ByteTokenizer tokenizer;
  Team team(1);
  auto cache = model::KvCache::create(model.config(), model.layers(), sequences * (tokens / 32 + 2));
  if (!cache) {
    std::fprintf(stderr, "%s\n", cache.error().message.c_str());
    return 1;
  }
  node::EngineOptions options;
  options.max_running = sequences;
  node::Engine engine("null", model, **cache, tokenizer, team, options, [] {});
  std::size_t deltas = 0;
  for (std::uint32_t i = 0; i < sequences; ++i) {
    node::GenerateRequest request;
    request.prompt = {static_cast<node::TokenId>(i % 256)};
    request.max_tokens = tokens;
    request.stop = {"zebra"};
    request.sampling.temperature = 0;
    const Status ok = engine.submit(i + 1, std::move(request), [&](node::Event event) {
      deltas += std::holds_alternative<node::Delta>(event) ? 1 : 0;
    });
    if (!ok) {
      std::fprintf(stderr, "%s\n", ok.error().message.c_str());
      return 1;
    }
  }
  std::vector<double> micros;
  using Clock = std::chrono::steady_clock;
  for (auto before = Clock::now(); engine.step();) {
    const auto now = Clock::now();
    micros.push_back(std::chrono::duration<double, std::micro>(now - before).count());
    before = now;
  }
  std::sort(micros.begin(), micros.end());
  std::printf("%u sequences, %zu steps, %zu tokens: median %.1f us, 99 %% %.1f us per step\n", sequences,
              micros.size(), deltas, micros[micros.size() / 2], micros[micros.size() * 99 / 100]);
  return 0;
}
