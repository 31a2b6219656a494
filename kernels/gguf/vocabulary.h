// What of a GGUF file is needed to speak to its model without computing it: all metadata, no tensors.
//
// Such a file is a GGUF file of its own; a few MiB in place of gigabytes.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/gguf/reader.h"

namespace zswarm::gguf {

/// A version 3 file with the metadata of `file` in their order, and no tensor. Equal metadata give equal
/// bytes.
[[nodiscard]] std::vector<std::byte> without_tensors(const Reader& file);

}  // namespace zswarm::gguf
