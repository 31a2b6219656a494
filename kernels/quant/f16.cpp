// F16: not quantised; multiplied with float activations.
#include "kernels/quant/types.h"

namespace zswarm::quant {

const WeightType kF16 = {gguf::TensorType::kF16, Codec::kF16, Scheme::kNone, 0, nullptr};

}  // namespace zswarm::quant
