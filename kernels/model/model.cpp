#include "kernels/model/model.h"

#include <fmt/format.h>

#include "kernels/model/transformer.h"

namespace zswarm::model {

Result<std::unique_ptr<Model>> Model::load(const gguf::Reader& file, Team& team, const LoadOptions& options) {
  Result<Config> config = read_config(file);
  if (!config) return fail(std::move(config.error()));
  if (config->head_dim % 16 != 0) {
    return file.error(
        ErrorCode::kUnsupported,
        fmt::format("heads of {} elements cannot be run; multiples of 16 can", config->head_dim));
  }
  const LayerRange range = options.layers.last == 0 ? LayerRange{0, config->layers} : options.layers;
  ZS_ASSERT(range.first < range.last);
  if (range.last > config->layers) {
    return file.error(ErrorCode::kInvalidArgument,
                      fmt::format("there are {} layers, not {}", config->layers, range.last));
  }
  Result<Weights> weights = load_weights(file, *config, range, team, options.progress);
  if (!weights) return fail(std::move(weights.error()));
  return std::make_unique<Transformer>(file, std::move(*config), range, std::move(*weights), team);
}

}  // namespace zswarm::model
