// The kernels compiled for avx2.
#include "kernels/ops/attention_impl.h"
#include "kernels/ops/kernel_table.h"
#include "kernels/ops/panel_product_impl.h"
#include "kernels/ops/vector_math_impl.h"
#include "kernels/simd/lanes_avx2.h"

namespace zswarm::ops {

const KernelTable& avx2_kernels() {
  using L = simd::Avx2Lanes;
  static constexpr KernelTable kTable = {
      simd::Isa::kAvx2, panel_product_for<L>, quantise_block<L>, rms_norm<L>,
      silu_multiply<L>, attention<L>,         to_half<L>,        exponential_of<L>,
  };
  return kTable;
}

}  // namespace zswarm::ops
