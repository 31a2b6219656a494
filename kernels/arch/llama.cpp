// Llama 1 to 3 (Touvron et al. 2023; Grattafiori et al. 2024), and what shares their shape: Mistral 7B,
// SmolLM, TinyLlama, Yi. The frequency scaling of Llama 3.1 and later lies in the tensor rope_freqs.weight.
#include "kernels/arch/architecture.h"

namespace zswarm::arch {

extern const Architecture kLlama;
const Architecture kLlama = {
    .name = "llama",
    .rope_kind = model::RopeKind::kInterleaved,  // the converter permutes q and k from halves to pairs
    .qkv_bias = false,
    .qk_norm = false,
};

}  // namespace zswarm::arch
