#include "kernels/quant/types.h"

namespace zswarm::quant {

void unpack_nibbles(const std::uint8_t* bytes, std::uint8_t* codes) {
  for (int i = 0; i < 16; ++i) {
    codes[i] = bytes[i] & 15;
    codes[i + 16] = bytes[i] >> 4;
  }
}

void add_fifth_bits(const std::uint8_t* bytes, std::uint8_t* codes) {
  for (int i = 0; i < 32; ++i) codes[i] |= static_cast<std::uint8_t>(((bytes[i / 8] >> (i % 8)) & 1) << 4);
}

void unpack_pairs(const std::uint8_t* bytes, std::uint8_t* codes) {
  for (int i = 0; i < 256; ++i) codes[i] = (bytes[i / 128 * 32 + i % 32] >> (2 * (i % 128 / 32))) & 3;
}

void unpack_six_bit_scales(const std::uint8_t* bytes, Unpacked& out) {
  for (int j = 0; j < 8; ++j) {
    const int scale = j < 4 ? bytes[j] & 63 : (bytes[j + 4] & 15) | (bytes[j - 4] >> 6) << 4;
    const int min = j < 4 ? bytes[j + 4] & 63 : (bytes[j + 4] >> 4) | (bytes[j] >> 6) << 4;
    out.scale[2 * j] = out.scale[2 * j + 1] = static_cast<std::int8_t>(scale);
    out.min[2 * j] = out.min[2 * j + 1] = static_cast<std::uint8_t>(min);
  }
}

}  // namespace zswarm::quant
