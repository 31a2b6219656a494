// F32: not quantised; multiplied with float activations.
#include "kernels/quant/types.h"

namespace zswarm::quant {

const WeightType kF32 = {gguf::TensorType::kF32, Codec::kF32, Scheme::kNone, 0, nullptr};

}  // namespace zswarm::quant
