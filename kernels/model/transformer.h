// The forward pass of all architectures that share Llama's shape. See model.h for the contract.
//
// One step is one Team::run(): all members walk the layers together, phase by phase, with a barrier between
// phases. In a phase, work is claimed in chunks (tokens, weight panels, attention tasks); each output element
// is computed by whoever claimed it, in the one order that kernels/ops defines.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "kernels/model/model.h"
#include "kernels/model/rope.h"
#include "kernels/model/weights.h"
#include "kernels/ops/activations.h"
#include "kernels/ops/kernel_table.h"

namespace zswarm::model {

class Transformer final : public Model {
 public:
  Transformer(const gguf::Reader& file, Config config, LayerRange range, Weights weights, Team& team);

  [[nodiscard]] const Config& config() const override { return config_; }
  [[nodiscard]] LayerRange layers() const override { return range_; }
  [[nodiscard]] std::uint64_t weight_bytes() const override { return weights_.memory.size(); }
  [[nodiscard]] std::uint64_t bytes_read_per_token() const override { return weights_.memory.size(); }
  [[nodiscard]] std::uint32_t max_step_tokens() const override { return kMaxStepTokens; }

  StepResult forward(std::span<const Slice> slices, KvCache& cache, OutputKind kind,
                     std::span<const float> hidden_in) override;

 private:
  static constexpr std::uint32_t kMaxStepTokens = 256;

  /// Where a token of the step belongs.
  struct Token {
    std::int32_t id;
    std::uint32_t position;
    std::uint32_t slice;
  };
  /// Consecutive tokens of one slice that attend to one KV head.
  struct AttentionWork {
    std::uint32_t first_token, tokens, kv_head;
  };
  struct Step;

  void plan_step(std::span<const Slice> slices);
  void run_member(Step& step);
  void run_layer(Step& step, std::uint32_t index, const LayerWeights& layer);
  void embed(Step& step);
  void normalise(Step& step, const std::vector<float>& weight, ops::Activations& out, bool quantise);
  void project_qkv(Step& step, const LayerWeights& layer);
  void store_keys_and_values(Step& step, std::uint32_t index, const LayerWeights& layer);
  void rotate_token(Step& step, std::uint32_t index, const LayerWeights& layer, std::size_t token);
  void attend(Step& step, std::uint32_t index, bool quantise);
  void attend_one(Step& step, std::uint32_t index, const AttentionWork& work, bool quantise);
  void add_product(Step& step, const quant::PackedMatrix& matrix, const std::vector<float>& bias,
                   const ops::Activations& in);
  void feed_forward(Step& step, const LayerWeights& layer, bool quantise);
  void finish(Step& step);
  void quantise_row(ops::Activations& a, std::size_t row) const;
  template <class Body>
  void share(std::size_t count, const Body& body);
  template <class Body>
  void share_products(std::size_t units, std::size_t unit_bytes, std::size_t rows, const Body& body);
  using PanelTile = float[ops::kTileRows][quant::kPanelRows];
  void multiply(const quant::PackedMatrix& m, std::size_t panel, const ops::Activations& in,
                std::size_t first, std::size_t count, PanelTile& out) const;

  const Config config_;
  const LayerRange range_;
  const Weights weights_;
  Team& team_;
  const ops::KernelTable& kernels_;
  const Rope rope_;
  const float query_scale_;
  const std::size_t stride_;  // width, padded to 32

  // Scratch of one step, sized for kMaxStepTokens.
  std::vector<Token> tokens_;
  std::vector<AttentionWork> work_;
  std::vector<std::uint32_t> output_tokens_;
  std::vector<float> angles_;     // [token][2 * pairs]
  std::vector<float> hidden_;     // [token][stride_], the residual stream
  std::vector<float> q_, k_, v_;  // [token][heads * head_dim], [token][kv_heads * head_dim]
  ops::Activations normed_, attended_, ffn_;
  std::vector<float> rows_;  // what forward() returns
};

}  // namespace zswarm::model
