// The weight types, each in the file of its name, and what several of them share.
#pragma once

#include "kernels/quant/weight_type.h"

namespace zswarm::quant {

extern const WeightType kF32;
extern const WeightType kF16;
extern const WeightType kBF16;
extern const WeightType kQ8_0;
extern const WeightType kQ4_0;
extern const WeightType kQ4_1;
extern const WeightType kQ5_0;
extern const WeightType kQ5_1;
extern const WeightType kQ2_K;
extern const WeightType kQ3_K;
extern const WeightType kQ4_K;
extern const WeightType kQ5_K;
extern const WeightType kQ6_K;
extern const WeightType kIQ4_NL;
extern const WeightType kIQ4_XS;

/// 16 bytes to 32 codes: code i in the low half of byte i, code 16 + i in its high half.
void unpack_nibbles(const std::uint8_t* bytes, std::uint8_t* codes);

/// Bit i of the four bytes becomes bit 4 of code i (32 codes).
void add_fifth_bits(const std::uint8_t* bytes, std::uint8_t* codes);

/// 64 bytes to 256 two-bit codes: each 32 bytes hold 128, code 32 j + i in bits 2 j of byte i.
void unpack_pairs(const std::uint8_t* bytes, std::uint8_t* codes);

/// The 12 bytes of Q4_K and Q5_K to eight scales and mins: pairs 0-3 lie in the low six bits of bytes j and j
/// + 4; pairs 4-7 have their low halves in byte j + 4 and their upper two bits in the top of bytes j - 4 and
/// j.
void unpack_six_bit_scales(const std::uint8_t* bytes, Unpacked& out);

}  // namespace zswarm::quant
