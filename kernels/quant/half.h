// IEEE binary16 and bfloat16 in plain integer arithmetic, for code that runs on any x86-64.
#pragma once

#include <cstdint>
#include <cstring>

namespace zswarm::quant {

[[nodiscard]] float half_to_float(std::uint16_t bits);
[[nodiscard]] std::uint16_t float_to_half(float value);  // to nearest, ties to even
[[nodiscard]] float bfloat_to_float(std::uint16_t bits);

/// Little-endian, unaligned.
[[nodiscard]] std::uint16_t read_u16(const std::uint8_t* p);

}  // namespace zswarm::quant
