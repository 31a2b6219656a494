// What a kernel needs to know of 32 quantised inputs besides their codes. See activations.h.
#pragma once

#include <cstdint>

namespace zswarm::ops {

struct BlockMeta {
  float d = 0;                          // scale
  float d_sum = 0;                      // d * (sum of codes), rounded once
  float d_sum_low = 0, d_sum_high = 0;  // the same for codes 0-15 and 16-31
  std::int32_t minus_sum = 0;  // exact sums, negated: a kernel starts its accumulator with offset * minus_sum
  std::int32_t minus_sum_low = 0, minus_sum_high = 0;
  std::int32_t unused = 0;  // keeps the size a power of two
};

}  // namespace zswarm::ops
