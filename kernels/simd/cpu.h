// Which instruction set the kernels use: chosen once at start, the same bits from each.
#pragma once

#include <string_view>

#include "kernels/base/error.h"

namespace zswarm::simd {

enum class Isa { kScalar, kAvx2, kAvx512 };  // kAvx2: with FMA and F16C; kAvx512: F, BW, VL, DQ and VNNI

[[nodiscard]] std::string_view isa_name(Isa isa);  // "scalar", "avx2", "avx512"
[[nodiscard]] bool isa_supported(Isa isa);         // by this processor and operating system

/// The one in use: the best supported, unless set_isa() or the environment (ZSWARM_CPU) chose another.
[[nodiscard]] Isa active_isa();

/// Picks the variant named in ZSWARM_CPU, if set. kInvalidArgument for an unknown name, kUnsupported if this
/// processor lacks it.
Status choose_isa_from_environment();

/// For tests. Not while a model runs. The variant must be supported.
void set_isa(Isa isa);

}  // namespace zswarm::simd
