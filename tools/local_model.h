// A model that a command runs itself, without a node: file, compute threads, weights, one KV cache.
//
// One thread makes and uses it. Loading shows a progress bar if standard error is a terminal.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "kernels/base/error.h"
#include "kernels/gguf/reader.h"
#include "kernels/model/kv_cache.h"
#include "kernels/model/model.h"
#include "tools/compute_threads.h"

namespace zswarm::tools {

/// How many compute threads to use: `wanted`, or one per processor that this process may use if it is 0.
[[nodiscard]] std::uint32_t thread_count(std::uint32_t wanted);

class LocalModel {
 public:
  static Result<std::unique_ptr<LocalModel>> load(const std::string& path, std::uint32_t threads);

  [[nodiscard]] const gguf::Reader& file() const { return file_; }
  [[nodiscard]] model::Model& model() { return *model_; }
  [[nodiscard]] Team& team() { return threads_->team(); }

 private:
  explicit LocalModel(gguf::Reader file) : file_(std::move(file)) {}

  gguf::Reader file_;
  std::unique_ptr<ComputeThreads> threads_;
  std::unique_ptr<model::Model> model_;  // after what it uses
};

/// Pages that hold `tokens` positions.
[[nodiscard]] constexpr std::uint32_t pages_for(std::uint32_t tokens) {
  return (tokens + model::kPageTokens - 1) / model::kPageTokens;
}

}  // namespace zswarm::tools
