#include "kernels/model/transformer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace zswarm::model {
namespace {

constexpr std::size_t kTile = ops::kTileRows;
constexpr std::size_t kCachedWeightBytes = 256 << 10;  // a share of a core's second-level cache
constexpr std::size_t kAttentionTokens = 16;           // of a prompt chunk, per attention task

bool is_quantised(const quant::PackedMatrix& m) {
  return m.type != nullptr && m.type->unpack != nullptr;
}

ops::PanelInputs inputs_of(const ops::Activations& a, std::size_t row) {
  return {a.codes(0, row), a.meta(0, row), a.values(row), a.rows(), a.stride()};
}

/// Rows of the matrix in a panel: fewer than kPanelRows in the last one, perhaps.
std::size_t rows_in(const quant::PackedMatrix& m, std::size_t panel) {
  return std::min<std::size_t>(quant::kPanelRows, m.rows - panel * quant::kPanelRows);
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

/// Runs body(i) once for every i below `count`, on whichever member is free; all are done at its end.
template <class Body>
void Transformer::share(std::size_t count, const Body& body) {
  for (;;) {
    const std::size_t i = team_.claim(count);
    if (i == count) break;
    body(i);
  }
  team_.barrier();
}

/// Runs body(unit, first, count) for every unit of weights (a panel or two) with every tile [first, first +
/// count) of `rows` inputs. A member takes several units at a time, so that a tile of inputs stays in its
/// cache for all of them, and with more than one tile no more than stay there themselves.
template <class Body>
void Transformer::share_products(std::size_t units, std::size_t unit_bytes, std::size_t rows,
                                 const Body& body) {
  const std::size_t most = rows > kTile ? std::max<std::size_t>(1, kCachedWeightBytes / unit_bytes) : units;
  for (;;) {
    const auto [begin, end] = team_.claim_range(units, most);
    if (begin == end) break;
    for (std::size_t first = 0; first < rows; first += kTile) {
      for (std::size_t unit = begin; unit < end; ++unit) body(unit, first, std::min(kTile, rows - first));
    }
  }
  team_.barrier();
}

/// out[i] = panel of m times input first + i
void Transformer::multiply(const quant::PackedMatrix& m, std::size_t panel, const ops::Activations& in,
                           std::size_t first, std::size_t count, PanelTile& out) const {
  kernels_.panel_product (*m.type)(m, panel, inputs_of(in, first), count, out[0]);
}

void Transformer::embed(Step& step) {
  share(tokens_.size(), [&](std::size_t t) {
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
  });
}

void Transformer::normalise(Step&, const std::vector<float>& weight, ops::Activations& out, bool quantise) {
  share(tokens_.size(), [&](std::size_t t) {
    kernels_.rms_norm(hidden_.data() + t * stride_, weight.data(), config_.norm_epsilon, config_.width,
                      out.values(t));
    if (quantise) quantise_row(out, t);
  });
}

void Transformer::project_qkv(Step&, const LayerWeights& layer) {
  const struct {
    const quant::PackedMatrix& matrix;
    float* out;
  } parts[] = {{layer.q, q_.data()}, {layer.k, k_.data()}, {layer.v, v_.data()}};
  const std::size_t total = layer.q.panels() + layer.k.panels() + layer.v.panels();
  share_products(total, layer.q.panel_bytes, tokens_.size(),
                 [&](std::size_t panel, std::size_t first, std::size_t count) {
                   const auto* part = parts;
                   while (panel >= part->matrix.panels()) panel -= (part++)->matrix.panels();
                   PanelTile tile;
                   multiply(part->matrix, panel, normed_, first, count, tile);
                   // head_dim is a multiple of 16, so panels are whole.
                   for (std::size_t i = 0; i < count; ++i) {
                     float* out = part->out + (first + i) * part->matrix.rows + panel * quant::kPanelRows;
                     std::memcpy(out, tile[i], sizeof(tile[i]));
                   }
                 });
}

void Transformer::store_keys_and_values(Step& step, std::uint32_t index, const LayerWeights& layer) {
  share(tokens_.size(), [&](std::size_t t) { rotate_token(step, index, layer, t); });
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
  share(work_.size(), [&](std::size_t w) { attend_one(step, index, work_[w], quantise && blocks_in_head); });
  if (!quantise || blocks_in_head) return;
  share(tokens_.size(), [&](std::size_t t) { quantise_row(attended_, t); });
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
  share_products(m.panels(), m.panel_bytes, tokens_.size(),
                 [&](std::size_t panel, std::size_t first, std::size_t count) {
                   PanelTile tile;
                   multiply(m, panel, in, first, count, tile);
                   const std::size_t row = panel * quant::kPanelRows, rows = rows_in(m, panel);
                   for (std::size_t i = 0; i < count; ++i) {
                     float* out = hidden_.data() + (first + i) * stride_ + row;
                     for (std::size_t r = 0; r < rows; ++r)
                       out[r] += bias.empty() ? tile[i][r] : tile[i][r] + bias[row + r];
                   }
                 });
}

/// ffn = silu(gate * x) * (up * x), 32 columns at a time, so that a block can be quantised where it was
/// computed.
void Transformer::feed_forward(Step&, const LayerWeights& layer, bool quantise) {
  const std::size_t panels = layer.gate.panels(), units = (panels + 1) / 2;
  share_products(
      units, 2 * (layer.gate.panel_bytes + layer.up.panel_bytes), tokens_.size(),
      [&](std::size_t unit, std::size_t first, std::size_t count) {
        PanelTile gates, ups;
        for (std::size_t panel = 2 * unit; panel < std::min(2 * unit + 2, panels); ++panel) {
          multiply(layer.gate, panel, normed_, first, count, gates);
          multiply(layer.up, panel, normed_, first, count, ups);
          kernels_.silu_multiply(gates[0], ups[0], count * quant::kPanelRows);
          for (std::size_t i = 0; i < count; ++i) {
            std::memcpy(ffn_.values(first + i) + panel * quant::kPanelRows, gates[i], sizeof(gates[i]));
          }
        }
        for (std::size_t i = first; quantise && i < first + count; ++i) {
          kernels_.quantise_block(ffn_.values(i) + 32 * unit, ffn_.codes(unit, i), ffn_.meta(unit, i));
        }
      });
}

/// Rows for the caller: hidden states, normalised hidden states or logits.
void Transformer::finish(Step& step) {
  const bool ends = range_.last == config_.layers;
  const std::size_t count = ends ? output_tokens_.size() : tokens_.size(), width = config_.width;
  const bool logits = ends && step.kind == OutputKind::kLogits;
  share(count, [&](std::size_t r) {
    const float* from = hidden_.data() + (ends ? output_tokens_[r] : r) * stride_;
    if (ends) {
      // Rows move to the front of normed_, whose row count stays the step's.
      kernels_.rms_norm(from, weights_.output_norm.data(), config_.norm_epsilon, width, normed_.values(r));
      if (logits && is_quantised(weights_.output)) quantise_row(normed_, r);
      from = normed_.values(r);
    }
    if (!logits) std::memcpy(rows_.data() + r * width, from, width * sizeof(float));
  });
  if (!logits || count == 0) return;

  const quant::PackedMatrix& m = weights_.output;
  share_products(m.panels(), m.panel_bytes, count,
                 [&](std::size_t panel, std::size_t first, std::size_t rows) {
                   PanelTile tile;
                   multiply(m, panel, normed_, first, rows, tile);
                   for (std::size_t i = 0; i < rows; ++i) {
                     float* out = rows_.data() + (first + i) * m.rows + panel * quant::kPanelRows;
                     std::memcpy(out, tile[i], rows_in(m, panel) * sizeof(float));
                   }
                 });
}

}  // namespace zswarm::model
