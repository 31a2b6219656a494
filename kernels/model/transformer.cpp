#include "kernels/model/transformer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace zswarm::model {
namespace {

constexpr std::size_t kTile = ops::kTileRows;
constexpr std::size_t kAttentionTokens = 16;  // of a prompt chunk, per attention task

bool is_quantised(const quant::PackedMatrix& m) {
  return m.type != nullptr && m.type->unpack != nullptr;
}

ops::PanelInputs inputs_of(const ops::Activations& a, std::size_t row) {
  return {a.codes(0, row), a.meta(0, row), a.values(row), a.rows(), a.stride()};
}

}  // namespace

/// What the members of the team share during one forward().
struct Transformer::Step {
  std::span<const Slice> slices;
  KvCache& cache;
  OutputKind kind;
  std::span<const float> hidden_in;
};

Transformer::Transformer(const gguf::Reader&, Config config, LayerRange range, Weights weights, Team& team)
    : config_(std::move(config)),
      range_(range),
      weights_(std::move(weights)),
      team_(team),
      kernels_(ops::kernels_for(simd::active_isa())),
      rope_(config_, weights_.rope_factors),
      query_scale_(static_cast<float>(1.0 / std::sqrt(static_cast<double>(config_.head_dim)))),
      stride_((config_.width + 31) / 32 * 32),
      angles_(std::size_t{kMaxStepTokens} * 2 * rope_.pairs()),
      hidden_(kMaxStepTokens * stride_),
      q_(std::size_t{kMaxStepTokens} * config_.heads * config_.head_dim),
      k_(std::size_t{kMaxStepTokens} * config_.kv_heads * config_.head_dim),
      v_(k_.size()),
      normed_(kMaxStepTokens, config_.width),
      attended_(kMaxStepTokens, std::size_t{config_.heads} * config_.head_dim),
      ffn_(kMaxStepTokens, config_.ffn_width) {}

void Transformer::plan_step(std::span<const Slice> slices) {
  tokens_.clear();
  work_.clear();
  output_tokens_.clear();
  for (std::uint32_t s = 0; s < slices.size(); ++s) {
    const Slice& slice = slices[s];
    const auto first = static_cast<std::uint32_t>(tokens_.size());
    const auto count = static_cast<std::uint32_t>(slice.tokens.size());
    ZS_ASSERT(count > 0 && slice.pages.size() * kPageTokens >= std::size_t{slice.position} + count);
    for (std::uint32_t i = 0; i < count; ++i) {
      ZS_ASSERT(slice.tokens[i] >= 0 && static_cast<std::uint32_t>(slice.tokens[i]) < config_.vocab_size);
      tokens_.push_back({slice.tokens[i], slice.position + i, s});
      if (slice.outputs == Outputs::kAll || (slice.outputs == Outputs::kLast && i + 1 == count)) {
        output_tokens_.push_back(first + i);
      }
    }
    for (std::uint32_t head = 0; head < config_.kv_heads; ++head) {
      for (std::uint32_t i = 0; i < count; i += kAttentionTokens) {
        work_.push_back({first + i, std::min<std::uint32_t>(kAttentionTokens, count - i), head});
      }
    }
  }
  ZS_ASSERT(tokens_.size() <= kMaxStepTokens);
  normed_.set_rows(tokens_.size());
  attended_.set_rows(tokens_.size());
  ffn_.set_rows(tokens_.size());
}

StepResult Transformer::forward(std::span<const Slice> slices, KvCache& cache, OutputKind kind,
                                std::span<const float> hidden_in) {
  plan_step(slices);
  Step step{slices, cache, kind, hidden_in};
  const bool ends = range_.last == config_.layers;
  StepResult result;
  result.row_count = ends ? output_tokens_.size() : tokens_.size();
  result.row_width = ends && kind == OutputKind::kLogits ? config_.vocab_size : config_.width;
  rows_.resize(std::max(rows_.size(), result.row_count * result.row_width));
  team_.run([&](std::size_t) { run_member(step); });
  result.rows = std::span(rows_).first(result.row_count * result.row_width);
  return result;
}

void Transformer::run_member(Step& step) {
  embed(step);
  for (std::uint32_t i = 0; i < range_.size(); ++i) run_layer(step, range_.first + i, weights_.layers[i]);
  finish(step);
}

void Transformer::run_layer(Step& step, std::uint32_t index, const LayerWeights& layer) {
  const bool quantise_in = is_quantised(layer.q) || is_quantised(layer.k) || is_quantised(layer.v);
  normalise(step, layer.attention_norm, normed_, quantise_in);
  project_qkv(step, layer);
  store_keys_and_values(step, index, layer);
  attend(step, index, is_quantised(layer.o));
  add_product(step, layer.o, layer.o_bias, attended_);
  normalise(step, layer.ffn_norm, normed_, is_quantised(layer.gate) || is_quantised(layer.up));
  feed_forward(step, layer, is_quantised(layer.down));
  add_product(step, layer.down, {}, ffn_);
}

void Transformer::quantise_row(ops::Activations& a, std::size_t row) const {
  for (std::size_t b = 0; b < a.blocks(); ++b)
    kernels_.quantise_block(a.values(row) + 32 * b, a.codes(b, row), a.meta(b, row));
}

std::size_t Transformer::panel_chunk(std::size_t panels) const {
  // About eight claims per member: small enough to even out, large enough to keep the counter cool.
  return std::clamp<std::size_t>(panels / (8 * team_.size()), 1, 16);
}

void Transformer::embed(Step& step) {
  for (;;) {
    const std::size_t t = team_.claim(tokens_.size());
    if (t == tokens_.size()) break;
    float* row = hidden_.data() + t * stride_;
    const auto id = static_cast<std::size_t>(tokens_[t].id);
    if (range_.first != 0) {
      std::memcpy(row, step.hidden_in.data() + t * config_.width, config_.width * sizeof(float));
    } else if (weights_.embedding == nullptr) {
      quant::unpack_row(weights_.output, id, row);
    } else {
      const gguf::TensorInfo& table = *weights_.embedding;
      const std::size_t row_bytes = table.data.size() / config_.vocab_size;
      quant::decode_row(*quant::weight_type(table.type), table.data.data() + id * row_bytes, config_.width,
                        row);
    }
    rope_.angles(tokens_[t].position, angles_.data() + t * 2 * rope_.pairs());
  }
  team_.barrier();
}

void Transformer::normalise(Step&, const std::vector<float>& weight, ops::Activations& out, bool quantise) {
  for (;;) {
    const std::size_t t = team_.claim(tokens_.size());
    if (t == tokens_.size()) break;
    kernels_.rms_norm(hidden_.data() + t * stride_, weight.data(), config_.norm_epsilon, config_.width,
                      out.values(t));
    if (quantise) quantise_row(out, t);
  }
  team_.barrier();
}

void Transformer::project_qkv(Step&, const LayerWeights& layer) {
  const struct {
    const quant::PackedMatrix& matrix;
    float* out;
  } parts[] = {{layer.q, q_.data()}, {layer.k, k_.data()}, {layer.v, v_.data()}};
  const std::size_t total = layer.q.panels() + layer.k.panels() + layer.v.panels();
  const std::size_t chunk = panel_chunk(total);
  float tile[kTile * quant::kPanelRows];
  for (;;) {
    const std::size_t begin = team_.claim(total, chunk);
    if (begin == total) break;
    const std::size_t end = std::min(begin + chunk, total);
    for (std::size_t t = 0; t < tokens_.size(); t += kTile) {
      const std::size_t count = std::min(kTile, tokens_.size() - t);
      for (std::size_t p = begin; p < end; ++p) {
        std::size_t panel = p, part = 0;
        while (panel >= parts[part].matrix.panels()) panel -= parts[part++].matrix.panels();
        const quant::PackedMatrix& m = parts[part].matrix;
        kernels_.panel_product (*m.type)(m, panel, inputs_of(normed_, t), count, tile);
        // head_dim is a multiple of 16, so panels are whole.
        for (std::size_t i = 0; i < count; ++i) {
          std::memcpy(parts[part].out + (t + i) * m.rows + panel * quant::kPanelRows,
                      tile + i * quant::kPanelRows, quant::kPanelRows * sizeof(float));
        }
      }
    }
  }
  team_.barrier();
}

void Transformer::store_keys_and_values(Step& step, std::uint32_t index, const LayerWeights& layer) {
  for (;;) {
    const std::size_t t = team_.claim(tokens_.size());
    if (t == tokens_.size()) break;
    rotate_token(step, index, layer, t);
  }
  team_.barrier();
}

/// Bias, norm and rotation of one token's q and k; k and v go to the cache as float16.
void Transformer::rotate_token(Step& step, std::uint32_t index, const LayerWeights& layer,
                               std::size_t token) {
  const std::size_t dim = config_.head_dim;
  const float* angles = angles_.data() + token * 2 * rope_.pairs();
  const auto prepare = [&](float* x, std::size_t heads, const std::vector<float>& bias,
                           const std::vector<float>& norm) {
    for (std::size_t i = 0; i < (bias.empty() ? 0 : heads * dim); ++i) x[i] += bias[i];
    for (std::size_t h = 0; h < heads; ++h) {
      if (!norm.empty()) kernels_.rms_norm(x + h * dim, norm.data(), config_.norm_epsilon, dim, x + h * dim);
      rope_.turn(x + h * dim, angles);
    }
  };
  float* q = q_.data() + token * config_.heads * dim;
  float* k = k_.data() + token * config_.kv_heads * dim;
  float* v = v_.data() + token * config_.kv_heads * dim;
  prepare(q, config_.heads, layer.q_bias, layer.q_norm);
  prepare(k, config_.kv_heads, layer.k_bias, layer.k_norm);
  for (std::size_t i = 0; i < config_.heads * dim; ++i) q[i] *= query_scale_;
  for (std::size_t i = 0; i < (layer.v_bias.empty() ? 0 : config_.kv_heads * dim); ++i)
    v[i] += layer.v_bias[i];

  const Token& at = tokens_[token];
  const PageId page = step.slices[at.slice].pages[at.position / kPageTokens];
  const std::size_t key = at.position % kPageTokens;
  std::uint16_t halves[512];
  for (std::uint32_t h = 0; h < config_.kv_heads; ++h) {
    kernels_.to_half(k + h * dim, halves, dim);
    std::uint16_t* column = step.cache.keys(page, index, h) + key / 16 * dim * 16 + key % 16;
    for (std::size_t d = 0; d < dim; ++d) column[d * 16] = halves[d];
    kernels_.to_half(v + h * dim, step.cache.values(page, index, h) + key * dim, dim);
  }
}

void Transformer::attend(Step& step, std::uint32_t index, bool quantise) {
  const bool blocks_in_head = config_.head_dim % 32 == 0;  // then a task's outputs are whole blocks
  for (;;) {
    const std::size_t w = team_.claim(work_.size());
    if (w == work_.size()) break;
    attend_one(step, index, work_[w], quantise && blocks_in_head);
  }
  team_.barrier();
  if (!quantise || blocks_in_head) return;
  for (;;) {
    const std::size_t t = team_.claim(tokens_.size());
    if (t == tokens_.size()) break;
    quantise_row(attended_, t);
  }
  team_.barrier();
}

void Transformer::attend_one(Step& step, std::uint32_t index, const AttentionWork& work, bool quantise) {
  const std::size_t dim = config_.head_dim, group = config_.heads / config_.kv_heads;
  const std::size_t first_head = work.kv_head * group;
  // Rows go in batches that fit the stack; which rows share a batch does not change a bit.
  constexpr std::size_t kRows = 16;
  const float* queries[kRows];
  float* outputs[kRows];
  std::uint32_t positions[kRows];
  const Slice& slice = step.slices[tokens_[work.first_token].slice];
  ops::AttentionTask task{queries,
                          outputs,
                          positions,
                          0,
                          dim,
                          step.cache.keys(0, index, work.kv_head),
                          step.cache.values(0, index, work.kv_head),
                          step.cache.page_stride(),
                          slice.pages.data()};
  const std::size_t total = work.tokens * group;
  for (std::size_t row = 0; row < total; ++row) {
    const std::size_t token = work.first_token + row / group, head = first_head + row % group;
    queries[task.rows] = q_.data() + (token * config_.heads + head) * dim;
    outputs[task.rows] = attended_.values(token) + head * dim;
    positions[task.rows] = tokens_[token].position;
    if (++task.rows == kRows || row + 1 == total) {
      kernels_.attention(task);
      task.rows = 0;
    }
  }
  if (!quantise) return;
  for (std::size_t token = work.first_token; token < work.first_token + work.tokens; ++token) {
    for (std::size_t b = first_head * dim / 32; b < (first_head + group) * dim / 32; ++b) {
      kernels_.quantise_block(attended_.values(token) + 32 * b, attended_.codes(b, token),
                              attended_.meta(b, token));
    }
  }
}

/// hidden += matrix * in + bias
void Transformer::add_product(Step&, const quant::PackedMatrix& m, const std::vector<float>& bias,
                              const ops::Activations& in) {
  const ops::PanelProduct product = kernels_.panel_product(*m.type);
  const std::size_t total = m.panels(), chunk = panel_chunk(total);
  float tile[kTile * quant::kPanelRows];
  for (;;) {
    const std::size_t begin = team_.claim(total, chunk);
    if (begin == total) break;
    const std::size_t end = std::min(begin + chunk, total);
    for (std::size_t t = 0; t < tokens_.size(); t += kTile) {
      const std::size_t count = std::min(kTile, tokens_.size() - t);
      for (std::size_t panel = begin; panel < end; ++panel) {
        product(m, panel, inputs_of(in, t), count, tile);
        const std::size_t row = panel * quant::kPanelRows,
                          rows = std::min<std::size_t>(quant::kPanelRows, m.rows - row);
        for (std::size_t i = 0; i < count; ++i) {
          float* out = hidden_.data() + (t + i) * stride_ + row;
          for (std::size_t r = 0; r < rows; ++r) {
            const float value = tile[i * quant::kPanelRows + r];
            out[r] += bias.empty() ? value : value + bias[row + r];
          }
        }
      }
    }
  }
  team_.barrier();
}

/// ffn = silu(gate * x) * (up * x), 32 columns at a time, so that a block can be quantised where it was
/// computed.
void Transformer::feed_forward(Step&, const LayerWeights& layer, bool quantise) {
  const ops::PanelProduct gate = kernels_.panel_product(*layer.gate.type),
                          up = kernels_.panel_product(*layer.up.type);
  const std::size_t panels = layer.gate.panels(), units = (panels + 1) / 2;
  const std::size_t chunk = std::max<std::size_t>(1, panel_chunk(units));
  float gates[kTile * quant::kPanelRows], ups[kTile * quant::kPanelRows];
  for (;;) {
    const std::size_t begin = team_.claim(units, chunk);
    if (begin == units) break;
    for (std::size_t t = 0; t < tokens_.size(); t += kTile) {
      const std::size_t count = std::min(kTile, tokens_.size() - t);
      for (std::size_t unit = begin; unit < std::min(begin + chunk, units); ++unit) {
        for (std::size_t panel = 2 * unit; panel < std::min(2 * unit + 2, panels); ++panel) {
          gate(layer.gate, panel, inputs_of(normed_, t), count, gates);
          up(layer.up, panel, inputs_of(normed_, t), count, ups);
          kernels_.silu_multiply(gates, ups, count * quant::kPanelRows);
          const std::size_t row = panel * quant::kPanelRows;
          for (std::size_t i = 0; i < count; ++i) {
            std::memcpy(ffn_.values(t + i) + row, gates + i * quant::kPanelRows,
                        quant::kPanelRows * sizeof(float));
          }
        }
        for (std::size_t i = t; quantise && i < t + count; ++i) {
          kernels_.quantise_block(ffn_.values(i) + 32 * unit, ffn_.codes(unit, i), ffn_.meta(unit, i));
        }
      }
    }
  }
  team_.barrier();
}

/// Rows for the caller: hidden states, normalised hidden states or logits.
void Transformer::finish(Step& step) {
  const bool ends = range_.last == config_.layers;
  const std::size_t count = ends ? output_tokens_.size() : tokens_.size(), width = config_.width;
  const bool logits = ends && step.kind == OutputKind::kLogits;
  for (;;) {
    const std::size_t r = team_.claim(count);
    if (r == count) break;
    const float* from = hidden_.data() + (ends ? output_tokens_[r] : r) * stride_;
    if (ends) {
      // Rows move to the front of normed_, whose row count stays the step's.
      kernels_.rms_norm(from, weights_.output_norm.data(), config_.norm_epsilon, width, normed_.values(r));
      if (logits && is_quantised(weights_.output)) quantise_row(normed_, r);
      from = normed_.values(r);
    }
    if (!logits) std::memcpy(rows_.data() + r * width, from, width * sizeof(float));
  }
  team_.barrier();
  if (!logits || count == 0) return;

  const quant::PackedMatrix& m = weights_.output;
  const ops::PanelProduct product = kernels_.panel_product(*m.type);
  const std::size_t total = m.panels(), chunk = panel_chunk(total);
  float tile[kTile * quant::kPanelRows];
  for (;;) {
    const std::size_t begin = team_.claim(total, chunk);
    if (begin == total) break;
    for (std::size_t t = 0; t < count; t += kTile) {
      const std::size_t rows = std::min(kTile, count - t);
      for (std::size_t panel = begin; panel < std::min(begin + chunk, total); ++panel) {
        product(m, panel, inputs_of(normed_, t), rows, tile);
        const std::size_t column = panel * quant::kPanelRows,
                          columns = std::min<std::size_t>(quant::kPanelRows, m.rows - column);
        for (std::size_t i = 0; i < rows; ++i) {
          std::memcpy(rows_.data() + (t + i) * m.rows + column, tile + i * quant::kPanelRows,
                      columns * sizeof(float));
        }
      }
    }
  }
  team_.barrier();
}

}  // namespace zswarm::model
