// Q5_K: 256 weights in 176 bytes: as Q4_K, with 32 bytes of fifth bits before the codes: bit j of byte i
// belongs to weight 32 j + i.
#include "kernels/quant/half.h"
#include "kernels/quant/types.h"

namespace zswarm::quant {
namespace {

void unpack(const std::uint8_t* block, Unpacked& out) {
  out.d = read_u16(block);
  out.dmin = read_u16(block + 2);
  unpack_six_bit_scales(block + 4, out);
  const std::uint8_t* high = block + 16;
  const std::uint8_t* q = block + 48;
  for (int i = 0; i < 256; ++i) {
    const int low = (q[i / 64 * 32 + i % 32] >> (4 * (i % 64 / 32))) & 15;
    out.codes[i] = static_cast<std::uint8_t>(low | ((high[i % 32] >> (i / 32)) & 1) << 4);
  }
}

}  // namespace

const WeightType kQ5_K = {gguf::TensorType::kQ5_K, Codec::kBits5, Scheme::kSuper32Min, 0, unpack};

}  // namespace zswarm::quant
