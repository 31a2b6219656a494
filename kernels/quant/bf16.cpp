// BF16: not quantised; multiplied with float activations.
#include "kernels/quant/types.h"

namespace zswarm::quant {

const WeightType kBF16 = {gguf::TensorType::kBF16, Codec::kBF16, Scheme::kNone, 0, nullptr};

}  // namespace zswarm::quant
