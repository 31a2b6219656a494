// Q4_1: 32 weights in 20 bytes: float16 d and m, then 16 bytes as in Q4_0. w = d q + m.
#include "kernels/quant/half.h"
#include "kernels/quant/types.h"

namespace zswarm::quant {
namespace {

void unpack(const std::uint8_t* block, Unpacked& out) {
  out.d = read_u16(block);
  out.dmin = read_u16(block + 2);
  unpack_nibbles(block + 4, out.codes);
}

}  // namespace

const WeightType kQ4_1 = {gguf::TensorType::kQ4_1, Codec::kBits4, Scheme::kPlainMin, 0, unpack};

}  // namespace zswarm::quant
