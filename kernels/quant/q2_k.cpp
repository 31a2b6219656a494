// Q2_K: 256 weights in 84 bytes: 16 bytes of 4-bit scale and min, 64 bytes of 2-bit codes, float16 d and
// dmin. Each 32 bytes of codes hold 128 weights: weight 32 j + i in bits 2 j of byte i. w = d s q - dmin m.
#include "kernels/quant/half.h"
#include "kernels/quant/types.h"

namespace zswarm::quant {
namespace {

void unpack(const std::uint8_t* block, Unpacked& out) {
  out.d = read_u16(block + 80);
  out.dmin = read_u16(block + 82);
  for (int s = 0; s < 16; ++s) {
    out.scale[s] = static_cast<std::int8_t>(block[s] & 15);
    out.min[s] = block[s] >> 4;
  }
  unpack_pairs(block + 16, out.codes);
}

}  // namespace

const WeightType kQ2_K = {gguf::TensorType::kQ2_K, Codec::kBits2, Scheme::kSuper16Min, 0, unpack};

}  // namespace zswarm::quant
