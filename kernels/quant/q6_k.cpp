// Q6_K: 256 weights in 210 bytes: 128 bytes of low halves, 64 bytes of upper two bits, sixteen signed byte
// scales, float16 d. Each 128 weights take 64 low bytes (weight 64 h + i in half h of byte i) and 32 upper
// bytes (32 j + i in bits 2 j of byte i). w = d s (q - 32).
#include "kernels/quant/half.h"
#include "kernels/quant/types.h"

namespace zswarm::quant {
namespace {

void unpack(const std::uint8_t* block, Unpacked& out) {
  const std::uint8_t* low = block;
  const std::uint8_t* high = block + 128;
  out.d = read_u16(block + 208);
  for (int s = 0; s < 16; ++s) out.scale[s] = static_cast<std::int8_t>(block[192 + s]);
  for (int i = 0; i < 256; ++i) {
    const int part = i / 128, k = i % 128;
    const int nibble = (low[part * 64 + k % 64] >> (4 * (k / 64))) & 15;
    const int upper = (high[part * 32 + k % 32] >> (2 * (k / 32))) & 3;
    out.codes[i] = static_cast<std::uint8_t>(nibble | upper << 4);
  }
}

}  // namespace

const WeightType kQ6_K = {gguf::TensorType::kQ6_K, Codec::kBits6, Scheme::kSuper16, 32, unpack};

}  // namespace zswarm::quant
