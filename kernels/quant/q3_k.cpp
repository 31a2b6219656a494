// Q3_K: 256 weights in 110 bytes: 32 bytes of third bits, 64 bytes of 2-bit codes as in Q2_K, 12 bytes with
// sixteen 6-bit scales (plus 32), float16 d. w = d s (q - 4).
#include "kernels/quant/half.h"
#include "kernels/quant/types.h"

namespace zswarm::quant {
namespace {

void unpack(const std::uint8_t* block, Unpacked& out) {
  const std::uint8_t* s = block + 96;
  out.d = read_u16(block + 108);
  // Low four bits: bytes 0-7, first the low halves, then the high ones. Upper two: bytes 8-11, two bits for
  // each of four scales.
  for (int k = 0; k < 16; ++k) {
    const int low = k < 8 ? s[k] & 15 : s[k - 8] >> 4;
    const int upper = (s[8 + k % 4] >> (2 * (k / 4))) & 3;
    out.scale[k] = static_cast<std::int8_t>((low | upper << 4) - 32);
  }
  unpack_pairs(block + 32, out.codes);
  for (int i = 0; i < 256; ++i)
    out.codes[i] |= static_cast<std::uint8_t>(((block[i % 32] >> (i / 32)) & 1) << 2);
}

}  // namespace

const WeightType kQ3_K = {gguf::TensorType::kQ3_K, Codec::kBits3, Scheme::kSuper16, 4, unpack};

}  // namespace zswarm::quant
