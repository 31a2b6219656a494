#include "kernels/quant/half.h"

#include "kernels/simd/lanes_scalar.h"

namespace zswarm::quant {

float half_to_float(std::uint16_t bits) {
  return simd::ScalarLanes::half_to_float(bits);
}
std::uint16_t float_to_half(float value) {
  return simd::ScalarLanes::float_to_half(value);
}

float bfloat_to_float(std::uint16_t bits) {
  const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

std::uint16_t read_u16(const std::uint8_t* p) {
  return static_cast<std::uint16_t>(p[0] | (p[1] << 8));
}

}  // namespace zswarm::quant
