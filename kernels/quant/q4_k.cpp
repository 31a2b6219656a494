// Q4_K: 256 weights in 144 bytes: float16 d and dmin, 12 bytes with eight 6-bit scales and mins, 128 bytes of
// 4-bit codes: each 32 bytes hold 64 weights, weight i in the low half of byte i, 32 + i in its high half. w
// = d s q - dmin m.
#include "kernels/quant/half.h"
#include "kernels/quant/types.h"

namespace zswarm::quant {
namespace {

void unpack(const std::uint8_t* block, Unpacked& out) {
  out.d = read_u16(block);
  out.dmin = read_u16(block + 2);
  unpack_six_bit_scales(block + 4, out);
  const std::uint8_t* q = block + 16;
  for (int i = 0; i < 256; ++i) out.codes[i] = (q[i / 64 * 32 + i % 32] >> (4 * (i % 64 / 32))) & 15;
}

}  // namespace

const WeightType kQ4_K = {gguf::TensorType::kQ4_K, Codec::kBits4, Scheme::kSuper32Min, 0, unpack};

}  // namespace zswarm::quant
