// Q5_0: 32 weights in 22 bytes: float16 d, 32 fifth bits, 16 bytes as in Q4_0. w = d (q - 16).
#include "kernels/quant/half.h"
#include "kernels/quant/types.h"

namespace zswarm::quant {
namespace {

void unpack(const std::uint8_t* block, Unpacked& out) {
  out.d = read_u16(block);
  unpack_nibbles(block + 6, out.codes);
  add_fifth_bits(block + 2, out.codes);
}

}  // namespace

const WeightType kQ5_0 = {gguf::TensorType::kQ5_0, Codec::kBits5, Scheme::kPlain, 16, unpack};

}  // namespace zswarm::quant
