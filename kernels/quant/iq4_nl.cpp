// IQ4_NL: 32 weights in 18 bytes, laid out as Q4_0, but a code is an index into a table of 16 values. w = d
// table[q].
#include "kernels/quant/half.h"
#include "kernels/quant/types.h"

namespace zswarm::quant {
namespace {

void unpack(const std::uint8_t* block, Unpacked& out) {
  out.d = read_u16(block);
  unpack_nibbles(block + 2, out.codes);
}

}  // namespace

const WeightType kIQ4_NL = {gguf::TensorType::kIQ4_NL, Codec::kTable4, Scheme::kPlain, 128, unpack};

}  // namespace zswarm::quant
