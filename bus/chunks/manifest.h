// What a large blob is: its size, how it is cut into chunks, and the root of the hash tree over them.
//
// The id of a blob is the hash of these three, so whoever has the id can check a manifest, and whoever has
// the manifest can check each chunk by itself (merkle.h). A blob has at least one byte; all chunks but the
// last are of equal size.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "bus/base/bytes.h"
#include "bus/base/error.h"

namespace zswarm::bus {

using Hash = ByteArray<32>;  // BLAKE2b-256
using BlobId = Hash;

inline constexpr std::uint32_t kChunkBytes = 256u << 10;  // what this node publishes with
inline constexpr std::uint32_t kChunkBytesMin = 4u << 10, kChunkBytesMax = 512u << 10;  // powers of two
inline constexpr std::uint64_t kChunks = std::uint64_t{1} << 26;  // 16 TiB at kChunkBytes

struct Manifest {
  std::uint64_t size = 0;  // in bytes
  std::uint32_t chunk_bytes = kChunkBytes;
  Hash root{};

  [[nodiscard]] std::uint64_t chunks() const { return (size + chunk_bytes - 1) / chunk_bytes; }
  /// Length of one chunk; only the last may be shorter.
  [[nodiscard]] std::uint32_t length(std::uint64_t chunk) const {
    const std::uint64_t left = size - chunk * chunk_bytes;
    return left < chunk_bytes ? static_cast<std::uint32_t>(left) : chunk_bytes;
  }
  /// BLAKE2b-256 of the byte 2, size and chunk_bytes (64 and 32 bits, big endian) and the root.
  [[nodiscard]] BlobId id() const;
  /// kMalformed or kTooLarge if the numbers break the limits above; to be asked before anything else is done
  /// with a manifest from outside.
  [[nodiscard]] Status check() const;

  friend bool operator==(const Manifest&, const Manifest&) = default;
};

/// Lower-case hexadecimal, for logs and file names.
[[nodiscard]] std::string hash_text(const Hash& hash);

}  // namespace zswarm::bus
