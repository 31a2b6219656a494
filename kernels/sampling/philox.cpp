// Philox 4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011,
// section 3.3.
#include "kernels/sampling/sampler.h"

namespace zswarm::sampling {
namespace {

constexpr std::uint32_t low(std::uint64_t x) {
  return static_cast<std::uint32_t>(x);
}
constexpr std::uint32_t high(std::uint64_t x) {
  return static_cast<std::uint32_t>(x >> 32);
}

}  // namespace

PhiloxWords philox(std::uint64_t counter_lo, std::uint64_t counter_hi, std::uint64_t key) {
  std::uint32_t c0 = low(counter_lo), c1 = high(counter_lo), c2 = low(counter_hi), c3 = high(counter_hi);
  std::uint32_t k0 = low(key), k1 = high(key);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xd2511f53} * c0;
    const std::uint64_t b = std::uint64_t{0xcd9e8d57} * c2;
    c0 = high(b) ^ c1 ^ k0;
    c1 = low(b);
    c2 = high(a) ^ c3 ^ k1;
    c3 = low(a);
    k0 += 0x9e3779b9;  // the golden ratio's fraction
    k1 += 0xbb67ae85;  // and that of sqrt(3)
  }
  return {{c0, c1, c2, c3}};
}

}  // namespace zswarm::sampling
