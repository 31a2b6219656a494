// Q8_0: 32 weights in 34 bytes: float16 d, then 32 signed bytes. w = d q; codes here are q + 128.
#include "kernels/quant/half.h"
#include "kernels/quant/types.h"

namespace zswarm::quant {
namespace {

void unpack(const std::uint8_t* block, Unpacked& out) {
  out.d = read_u16(block);
  for (int i = 0; i < 32; ++i) out.codes[i] = block[2 + i] ^ 0x80;
}

}  // namespace

const WeightType kQ8_0 = {gguf::TensorType::kQ8_0, Codec::kBits8, Scheme::kPlain, 128, unpack};

}  // namespace zswarm::quant
