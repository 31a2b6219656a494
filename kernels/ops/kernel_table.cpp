#include "kernels/ops/kernel_table.h"

#include "kernels/base/error.h"

namespace zswarm::ops {

const KernelTable& kernels_for(simd::Isa isa) {
  ZS_ASSERT(simd::isa_supported(isa));
  switch (isa) {
    case simd::Isa::kAvx512:
      return avx512_kernels();
    case simd::Isa::kAvx2:
      return avx2_kernels();
    case simd::Isa::kScalar:
      break;
  }
  return scalar_kernels();
}

}  // namespace zswarm::ops
