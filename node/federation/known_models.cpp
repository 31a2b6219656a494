#include "node/federation/known_models.h"

#include <fmt/format.h>

#include <algorithm>

namespace zswarm::node {

Result<std::shared_ptr<const KnownModel>> KnownModels::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  for (const auto& model : models_) {
    if (name.empty() || std::find(model->names.begin(), model->names.end(), name) != model->names.end())
      return model;
  }
  if (models_.empty())
    return fail(ErrorCode::kUnavailable,
                "no node of the network serves a model yet: zswarm nodes lists them");
  return fail(ErrorCode::kNotFound,
              fmt::format("no node of the network serves a model \"{}\"; /v1/models lists what there is",
                          printable(name)),
              "model");
}

}  // namespace zswarm::node
