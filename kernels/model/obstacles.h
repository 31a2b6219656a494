// What keeps a well-formed GGUF file from being run here.
#pragma once

#include <string>
#include <vector>

#include "kernels/gguf/reader.h"

namespace zswarm::model {

/// One sentence per obstacle, nothing if the header shows none: architecture or hyperparameters that cannot
/// be run, no tensors, weight types without kernels. Reads no tensor data. Any thread.
[[nodiscard]] std::vector<std::string> obstacles(const gguf::Reader& file);

}  // namespace zswarm::model
