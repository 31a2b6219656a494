// Qwen 1.5 to 2.5 without experts (Yang et al. 2024, "Qwen2 technical report").
#include "kernels/arch/architecture.h"

namespace zswarm::arch {

extern const Architecture kQwen2;
const Architecture kQwen2 = {
    .name = "qwen2",
    .rope_kind = model::RopeKind::kHalves,
    .qkv_bias = true,
    .qk_norm = false,
};

}  // namespace zswarm::arch
