// What distinguishes one transformer architecture from another. One file in this folder per architecture: it
// defines one descriptor, and architecture.cpp lists it.
//
// The forward pass (kernels/model) is written once and asks these fields; it never asks for a name.
// Constants, any thread.
#pragma once

#include <span>
#include <string_view>

#include "kernels/model/config.h"

namespace zswarm::arch {

struct Architecture {
  std::string_view name;      // general.architecture, and the prefix of its metadata keys
  model::RopeKind rope_kind;  // how the converter to GGUF ordered the rows of q and k
  bool qkv_bias;  // q, k and v always have a bias; otherwise they have one if the file has the tensors
  bool qk_norm;   // RMS norm of each head of q and k before rope
};

/// All that this build knows.
[[nodiscard]] std::span<const Architecture* const> architectures();

/// nullptr if there is none of this name.
[[nodiscard]] const Architecture* find_architecture(std::string_view name);

}  // namespace zswarm::arch
