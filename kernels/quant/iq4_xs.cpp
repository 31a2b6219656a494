// IQ4_XS: 256 weights in 136 bytes: float16 d, upper two bits of eight 6-bit scales (2 bytes), their low
// halves (4 bytes), then eight times 16 bytes as in IQ4_NL. w = d (s - 32) table[q].
#include "kernels/quant/half.h"
#include "kernels/quant/types.h"

namespace zswarm::quant {
namespace {

void unpack(const std::uint8_t* block, Unpacked& out) {
  const std::uint16_t upper = read_u16(block + 2);
  out.d = read_u16(block);
  for (int j = 0; j < 8; ++j) {
    const int low = (block[4 + j / 2] >> (4 * (j % 2))) & 15;
    const int scale = (low | ((upper >> (2 * j)) & 3) << 4) - 32;
    out.scale[2 * j] = out.scale[2 * j + 1] = static_cast<std::int8_t>(scale);
    unpack_nibbles(block + 8 + 16 * j, out.codes + 32 * j);
  }
}

}  // namespace

const WeightType kIQ4_XS = {gguf::TensorType::kIQ4_XS, Codec::kTable4, Scheme::kSuper32, 128, unpack};

}  // namespace zswarm::quant
