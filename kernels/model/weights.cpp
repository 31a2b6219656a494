#include "kernels/model/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_set>
#include <utility>

namespace zswarm::model {
namespace {

std::size_t padded(std::size_t n) {
  return (n + 31) / 32 * 32;
}

/// Collects what the file has, checks shapes, and remembers the first error.
class Loader {
 public:
  Loader(const gguf::Reader& file, const Config& config, Team& team, const Progress& progress)
      : file_(file), config_(config), team_(team), progress_(progress) {}

  const gguf::TensorInfo* find(const std::string& name, std::uint64_t cols, std::uint64_t rows,
                               bool optional) {
    const gguf::TensorInfo* tensor = file_.tensor(name);
    if (tensor == nullptr) {
      if (!optional)
        refuse(ErrorCode::kCorrupt,
               fmt::format("tensor '{}' is missing; the file is not a whole {} model", name, config_.arch));
      return nullptr;
    }
    used_.insert(tensor->name);
    std::uint64_t extra = 1;
    for (std::size_t i = 2; i < tensor->dims.size(); ++i) extra *= tensor->dims[i];
    const std::uint64_t has_rows = tensor->dims.size() > 1 ? tensor->dims[1] : 1;
    if (tensor->dims[0] != cols || has_rows != rows || extra != 1) {
      refuse(ErrorCode::kCorrupt,
             fmt::format("tensor '{}' has the shape [{}], but [{}, {}] follows from the metadata", name,
                         fmt::join(tensor->dims, ", "), cols, rows));
      return nullptr;
    }
    if (quant::weight_type(tensor->type) == nullptr) {
      const gguf::TensorTypeTraits* traits = gguf::tensor_type_traits(tensor->type);
      refuse(ErrorCode::kUnsupported,
             fmt::format("tensor '{}' has the weight type {}, which zswarm cannot compute with; convert the "
                         "file to another, such as Q4_K or Q8_0",
                         name, traits != nullptr ? traits->name : "unknown"));
      return nullptr;
    }
    return tensor;
  }

  std::vector<float> vector(const std::string& name, std::uint64_t n, bool optional = false) {
    const gguf::TensorInfo* tensor = find(name, n, 1, optional);
    if (tensor == nullptr) return {};
    std::vector<float> values(padded(n));
    quant::decode_row(*quant::weight_type(tensor->type), tensor->data.data(), n, values.data());
    return values;
  }

  /// Plans a matrix; memory and content come in pack_all(). The target must stay where it is.
  void matrix(const std::string& name, std::uint64_t cols, std::uint64_t rows, quant::PackedMatrix& target) {
    if (const gguf::TensorInfo* tensor = find(name, cols, rows, false)) plan(*tensor, target);
  }

  void plan(const gguf::TensorInfo& tensor, quant::PackedMatrix& target) {
    target = quant::packed_shape(*quant::weight_type(tensor.type),
                                 tensor.dims.size() > 1 ? tensor.dims[1] : 1, tensor.dims[0]);
    jobs_.push_back({&tensor, &target, total_});
    total_ += target.bytes();
  }

  /// Two matrices of one shape, planned last, whose panels are used in pairs: they alternate in memory, so
  /// that both are read in one stream (see quant/packed_matrix.h).
  void interleave(quant::PackedMatrix& first, quant::PackedMatrix& second) {
    if (jobs_.size() < 2 || jobs_.end()[-2].target != &first || jobs_.back().target != &second)
      return;  // one was refused
    jobs_.back().offset = jobs_.end()[-2].offset + first.panel_bytes;
    first.panel_stride = second.panel_stride = first.panel_bytes + second.panel_bytes;
  }

  /// Repacks piece by piece, and drops the source of each, so that no tensor is in memory twice.
  Result<HugeMemory> pack_all() {
    Result<HugeMemory> memory = HugeMemory::allocate(total_);
    if (!memory) return memory;
    std::uint64_t done = 0;
    for (const Job& job : jobs_) {
      auto* target = reinterpret_cast<std::uint8_t*>(memory->data()) + job.offset;
      const std::size_t panels = job.target->panels();
      const std::size_t piece = std::max<std::size_t>(1, kPieceBytes / job.target->panel_bytes);
      for (std::size_t first = 0; first < panels; first += piece) {
        pack_piece(job, first, std::min(first + piece, panels), target);
      }
      job.target->data = target;
      done += job.target->bytes();
      if (progress_) progress_(done, total_);
    }
    return memory;
  }

  /// A tensor that nobody asked for belongs to a model that computes something else.
  void refuse_unused(std::string_view prefix) {
    for (const gguf::TensorInfo& tensor : file_.tensors()) {
      if (!tensor.name.starts_with(prefix) || used_.contains(tensor.name)) continue;
      return refuse(ErrorCode::kUnsupported,
                    fmt::format("tensor '{}' is not part of a {} model as zswarm knows it",
                                printable(tensor.name), config_.arch));
    }
  }
  void use(std::string_view name) { used_.insert(name); }

  void refuse(ErrorCode code, const std::string& message) {
    if (status_) status_ = file_.error(code, message);
  }
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  struct Job {
    const gguf::TensorInfo* tensor;
    quant::PackedMatrix* target;
    std::uint64_t offset;  // of its first panel in the memory for all
  };

  static constexpr std::size_t kPieceBytes = std::size_t{4} << 20;

  void pack_piece(const Job& job, std::size_t first, std::size_t last, std::uint8_t* target) {
    const quant::PackedMatrix& shape = *job.target;
    team_.run([&](std::size_t) {
      for (;;) {
        const auto [begin, end] = team_.claim_range(last - first, last - first);
        if (begin == end) return;
        for (std::size_t panel = first + begin; panel < first + end; ++panel) {
          quant::pack_panel(shape, panel, job.tensor->data.data(), target + panel * shape.panel_stride);
        }
      }
    });
    const std::size_t row_bytes = job.tensor->data.size() / shape.rows;
    const std::size_t begin = first * quant::kPanelRows * row_bytes;
    const std::size_t end = std::min(last * quant::kPanelRows, shape.rows) * row_bytes;
    file_.file().drop(job.tensor->data.subspan(begin, end - begin));
  }

  const gguf::Reader& file_;
  const Config& config_;
  Team& team_;
  const Progress& progress_;
  std::vector<Job> jobs_;
  std::uint64_t total_ = 0;
  std::unordered_set<std::string_view> used_;
  Status status_;
};

void plan_layer(Loader& loader, const Config& c, std::uint32_t index, LayerWeights& w) {
  const std::string b = fmt::format("blk.{}.", index);
  const std::uint64_t q_width = std::uint64_t{c.heads} * c.head_dim,
                      kv_width = std::uint64_t{c.kv_heads} * c.head_dim;
  w.attention_norm = loader.vector(b + "attn_norm.weight", c.width);
  w.ffn_norm = loader.vector(b + "ffn_norm.weight", c.width);
  if (c.qk_norm) {
    w.q_norm = loader.vector(b + "attn_q_norm.weight", c.head_dim);
    w.k_norm = loader.vector(b + "attn_k_norm.weight", c.head_dim);
  }
  w.q_bias = loader.vector(b + "attn_q.bias", q_width, !c.qkv_bias);
  w.k_bias = loader.vector(b + "attn_k.bias", kv_width, !c.qkv_bias);
  w.v_bias = loader.vector(b + "attn_v.bias", kv_width, !c.qkv_bias);
  w.o_bias = loader.vector(b + "attn_output.bias", c.width, true);
  loader.matrix(b + "attn_q.weight", c.width, q_width, w.q);
  loader.matrix(b + "attn_k.weight", c.width, kv_width, w.k);
  loader.matrix(b + "attn_v.weight", c.width, kv_width, w.v);
  loader.matrix(b + "attn_output.weight", q_width, c.width, w.o);
  loader.matrix(b + "ffn_gate.weight", c.width, c.ffn_width, w.gate);
  loader.matrix(b + "ffn_up.weight", c.width, c.ffn_width, w.up);
  loader.interleave(w.gate, w.up);
  loader.matrix(b + "ffn_down.weight", c.ffn_width, c.width, w.down);
  loader.refuse_unused(b);
}

void read_rope_factors(Loader& loader, const Config& config, Weights& weights) {
  weights.rope_factors = loader.vector("rope_freqs.weight", config.rope_dims / 2, true);
  if (weights.rope_factors.empty()) return;
  weights.rope_factors.resize(config.rope_dims / 2);
  for (const float factor : weights.rope_factors) {
    if (!std::isfinite(factor) || factor <= 0) {
      return loader.refuse(ErrorCode::kCorrupt,
                           "tensor 'rope_freqs.weight' holds a factor that is not a positive number");
    }
  }
}

}  // namespace

Result<Weights> load_weights(const gguf::Reader& file, const Config& config, LayerRange range, Team& team,
                             const Progress& progress) {
  Loader loader(file, config, team, progress);
  Weights weights;
  weights.layers.resize(range.size());
  const bool begins = range.first == 0, ends = range.last == config.layers;
  for (std::uint32_t i = 0; i < range.size(); ++i)
    plan_layer(loader, config, range.first + i, weights.layers[i]);
  read_rope_factors(loader, config, weights);

  weights.tied = file.tensor("output.weight") == nullptr;
  const gguf::TensorInfo* embedding =
      loader.find("token_embd.weight", config.width, config.vocab_size, false);
  if (begins && !(weights.tied && ends)) weights.embedding = embedding;
  if (ends) {
    weights.output_norm = loader.vector("output_norm.weight", config.width);
    loader.matrix(weights.tied ? "token_embd.weight" : "output.weight", config.width, config.vocab_size,
                  weights.output);
  }
  if (!loader.status()) return fail(loader.status().error());

  Result<HugeMemory> memory = loader.pack_all();
  if (!memory) return fail(std::move(memory.error()));
  weights.memory = std::move(*memory);
  weights.output_bytes = ends ? weights.output.bytes() : 0;
  weights.layer_bytes = weights.memory.size() - weights.output_bytes;
  return weights;
}

}  // namespace zswarm::model
