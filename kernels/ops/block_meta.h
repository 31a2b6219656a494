// What a kernel needs to know of 32 quantised inputs besides their codes. See activations.h.
#pragma once

#include <cstdint>

namespace zswarm::ops {

/// Input i of the block is taken as center + d * code[i].
struct BlockMeta {
  float d = 0;
  float center = 0;
  float sum = 0, sum_low = 0, sum_high = 0;  // of the inputs as taken: all 32, the first 16, the last 16
  std::int32_t minus_codes =
      0;  // exact sums of codes, negated: a kernel starts its accumulator with offset * these
  std::int32_t minus_codes_low = 0, minus_codes_high = 0;
};

}  // namespace zswarm::ops
