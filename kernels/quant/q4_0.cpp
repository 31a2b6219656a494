// Q4_0: 32 weights in 18 bytes: float16 d, then 16 bytes; weight i in the low, i + 16 in the high half. w = d
// (q - 8).
#include "kernels/quant/half.h"
#include "kernels/quant/types.h"

namespace zswarm::quant {
namespace {

void unpack(const std::uint8_t* block, Unpacked& out) {
  out.d = read_u16(block);
  unpack_nibbles(block + 2, out.codes);
}

}  // namespace

const WeightType kQ4_0 = {gguf::TensorType::kQ4_0, Codec::kBits4, Scheme::kPlain, 8, unpack};

}  // namespace zswarm::quant
