// A set of chunks, one bit each; in bytes, bit 0 of byte 0 is chunk 0.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

#include "bus/base/bytes.h"

namespace zswarm::bus {

class ChunkMap {
 public:
  explicit ChunkMap(std::uint64_t chunks) : chunks_(chunks), words_((chunks + 63) / 64) {}

  [[nodiscard]] std::uint64_t chunks() const { return chunks_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] bool complete() const { return count_ == chunks_; }
  [[nodiscard]] bool has(std::uint64_t chunk) const { return (words_[chunk / 64] >> (chunk % 64) & 1) != 0; }

  void set(std::uint64_t chunk) {
    count_ += !has(chunk);
    words_[chunk / 64] |= std::uint64_t{1} << (chunk % 64);
  }
  void clear(std::uint64_t chunk) {
    count_ -= has(chunk);
    words_[chunk / 64] &= ~(std::uint64_t{1} << (chunk % 64));
  }
  void set_all() {
    for (std::uint64_t chunk = 0; chunk < chunks_; ++chunk) set(chunk);
  }

  /// 64 chunks at a time; bits beyond the last chunk are zero.
  [[nodiscard]] std::size_t words() const { return words_.size(); }
  [[nodiscard]] std::uint64_t word(std::size_t index) const { return words_[index]; }

  /// Bytes of the chunks from `first` (a multiple of 8), at most `max` of them.
  [[nodiscard]] Bytes bytes(std::uint64_t first, std::size_t max) const {
    Bytes out;
    for (std::uint64_t chunk = first; chunk < chunks_ && out.size() < max; chunk += 8)
      out.push_back(static_cast<std::uint8_t>(words_[chunk / 64] >> (chunk % 64)));
    return out;
  }
  /// Adds what bytes() gave; bits beyond the last chunk are passed over.
  void add(std::uint64_t first, ByteView bytes) {
    for (std::size_t i = 0; i < bytes.size() * 8; ++i) {
      if (first + i < chunks_ && (bytes[i / 8] >> (i % 8) & 1) != 0) set(first + i);
    }
  }

 private:
  std::uint64_t chunks_, count_ = 0;
  std::vector<std::uint64_t> words_;
};

}  // namespace zswarm::bus
