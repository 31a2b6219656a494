// Qwen 3 without experts (Yang et al. 2025, "Qwen3 technical report"): the bias of Qwen 2 gave way to a norm
// of q and k.
#include "kernels/arch/architecture.h"

namespace zswarm::arch {

extern const Architecture kQwen3;
const Architecture kQwen3 = {
    .name = "qwen3",
    .rope_kind = model::RopeKind::kHalves,
    .qkv_bias = false,
    .qk_norm = true,
};

}  // namespace zswarm::arch
