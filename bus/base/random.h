// The seeded generator of protocol code: one seed, one run. Not for keys, which come from libsodium.
//
// xoshiro256** (Blackman, Vigna, "Scrambled linear pseudorandom number generators", 2018), seeded by
// SplitMix64; written out because the standard library's distributions differ between implementations and a
// simulation must not.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace zswarm::bus {

class Random {
 public:
  explicit Random(std::uint64_t seed) {
    for (std::uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15ull;
      std::uint64_t z = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9ull;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
      word = z ^ (z >> 31);
    }
  }

  [[nodiscard]] std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9, t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// Uniform below `bound` (> 0); a bias under 2^-32 for bounds below 2^32 (Lemire's multiplication).
  [[nodiscard]] std::size_t below(std::size_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::size_t>((Wide{next()} * bound) >> 64);
  }
  /// Uniform in [0, 1).
  [[nodiscard]] double real() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  std::uint64_t state_[4];
};

}  // namespace zswarm::bus
