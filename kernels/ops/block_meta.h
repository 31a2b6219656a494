// What a kernel needs to know of 32 quantised inputs besides their codes. See activations.h.
#pragma once

#include <cstdint>

namespace zswarm::ops {

/// Input i of the block is taken as d * q[i], q[i] = 256 * high[i] + low[i].
struct BlockMeta {
  float d = 0;
  float sum = 0, sum_low = 0, sum_high = 0;  // of the inputs as taken: all 32, the first 16, the last 16
  // Exact sums of q, negated: a kernel starts its accumulator with offset * these. All, the first 16, the
  // last 16.
  std::int32_t minus_codes = 0, minus_codes_low = 0, minus_codes_high = 0;
  std::int32_t unused = 0;  // keeps the size a power of two
};

inline constexpr int kCodeBytes = 64;     // of one block of one row: 32 high bytes, then 32 low bytes
inline constexpr float kCodeMax = 32512;  // 127 * 256: high bytes are then within [-127, 127]

}  // namespace zswarm::ops
