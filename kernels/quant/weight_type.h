// What a weight type is, and the repacked form that the matrix kernels read.
//
// Every quantised GGUF type is a way to store, for 32 weights at a time, small unsigned codes and scales.
// Unpacked they look alike:
//
//     weight = d * scale[h] * (code - offset) - dmin * min[h]
//
// with float16 d and dmin (for 32 weights, or for a super-block of 256), and integers scale and min for each
// half h of 16 weights. A type is one file here: it says how to unpack its blocks; layout and kernels follow
// from its codec and scheme.
//
// The repacked form holds *panels* of 16 output rows, so that one vector instruction advances 16 rows and no
// sum crosses lanes. A panel holds scales and codes in the order in which a kernel needs them; see
// packed_matrix.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/gguf/types.h"

namespace zswarm::quant {

inline constexpr std::uint32_t kPanelRows = 16;
inline constexpr std::uint32_t kBlock = 32;        // weights that share one activation scale
inline constexpr std::uint32_t kSuperBlock = 256;  // weights that share d and dmin in the K-quants

/// How codes lie in a panel: bits per code, or (kTable4) a 4-bit index into kIq4Table.
enum class Codec : std::uint8_t {
  kBits2,
  kBits3,
  kBits4,
  kBits5,
  kBits6,
  kBits8,
  kTable4,
  kF32,
  kF16,
  kBF16
};

/// Which scales there are.
enum class Scheme : std::uint8_t {
  kPlain,       // d per 32
  kPlainMin,    // d and m per 32: weight = d * code + m (m is stored as dmin)
  kSuper32,     // d per 256, signed scale per 32
  kSuper32Min,  // d, dmin per 256, unsigned scale and min per 32
  kSuper16,     // d per 256, signed scale per 16
  kSuper16Min,  // d, dmin per 256, 4-bit scale and min per 16
  kNone,        // float types
};

/// One block (or super-block) of one row, unpacked. Types with one scale per 32 weights write it twice.
struct Unpacked {
  std::uint8_t codes[kSuperBlock];
  std::uint16_t d = 0, dmin = 0;  // float16 bits
  std::int8_t scale[kSuperBlock / 16];
  std::uint8_t min[kSuperBlock / 16];
};

struct WeightType {
  gguf::TensorType type;
  Codec codec;
  Scheme scheme;
  std::uint8_t offset;                                       // subtracted from each code (after the table)
  void (*unpack)(const std::uint8_t* block, Unpacked& out);  // nullptr for float types
};

/// The 16 values of the IQ4 types plus 128, so that they are unsigned.
extern const std::uint8_t kIq4Table[16];

/// The type's description; nullptr if the kernels do not have it.
[[nodiscard]] const WeightType* weight_type(gguf::TensorType type);

/// Every weight type there is.
[[nodiscard]] std::span<const WeightType* const> weight_types();

/// Decodes `count` weights (a multiple of the block size) of one row to float: the reference for everything
/// else. Each weight is one float expression in the order above. `bytes` holds them as in the GGUF file.
void decode_row(const WeightType& type, const std::byte* bytes, std::size_t count, float* out);

/// The same for one unpacked block of `count` weights.
void decode_unpacked(const WeightType& type, const Unpacked& unpacked, std::size_t count, float* out);

}  // namespace zswarm::quant
