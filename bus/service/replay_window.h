// Which request ids of one caller have been seen: a sliding bitmap (RFC 6479, "IPsec anti-replay algorithm
// without bit shifting").
//
// Ids grow and wrap around (RFC 1982, "Serial number arithmetic"). An id that is older than the window counts
// as seen, so no id is ever fresh twice, whatever the window has forgotten.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace zswarm::bus {

class ReplayWindow {
 public:
  static constexpr std::uint32_t kIds = 16384;

  [[nodiscard]] bool seen(std::uint32_t id) const {
    if (empty_ || ahead(id)) return false;
    return newest_ - id >= kIds || (words_[id % kIds / 64] >> (id % 64) & 1) != 0;
  }

  void mark(std::uint32_t id) {
    if (empty_) newest_ = id, empty_ = false;
    if (ahead(id)) {
      if (id - newest_ >= kIds) {
        words_.fill(0);
      } else {
        for (std::uint32_t passed = newest_ + 1; passed != id; ++passed) clear(passed);
        clear(id);
      }
      newest_ = id;
    }
    if (newest_ - id < kIds) words_[id % kIds / 64] |= std::uint64_t{1} << (id % 64);
  }

 private:
  [[nodiscard]] bool ahead(std::uint32_t id) const { return id != newest_ && id - newest_ < 0x80000000u; }
  void clear(std::uint32_t id) { words_[id % kIds / 64] &= ~(std::uint64_t{1} << (id % 64)); }

  std::array<std::uint64_t, kIds / 64> words_{};
  std::uint32_t newest_ = 0;
  bool empty_ = true;
};

}  // namespace zswarm::bus
