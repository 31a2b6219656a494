#include "kernels/model/obstacles.h"

#include <fmt/format.h>

#include <map>

#include "kernels/model/config.h"

namespace zswarm::model {

std::vector<std::string> obstacles(const gguf::Reader& file) {
  std::vector<std::string> found;
  if (const auto config = read_config(file); !config) found.push_back(config.error().message);
  if (file.tensors().empty()) {
    found.push_back(
        file.error(ErrorCode::kUnsupported, "there are no tensors: the file can tokenize, but not generate")
            .value()
            .message);
  }
  std::map<std::string_view, std::size_t> unknown;
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    const gguf::TensorTypeTraits* traits = gguf::tensor_type_traits(tensor.type);
    if (!traits->computable) ++unknown[traits->name];
  }
  for (const auto& [type, count] : unknown) {
    found.push_back(
        file.error(ErrorCode::kUnsupported,
                   fmt::format("{} tensors are of type {}, which cannot be computed with", count, type))
            .value()
            .message);
  }
  return found;
}

}  // namespace zswarm::model
