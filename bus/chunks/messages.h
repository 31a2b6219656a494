// The messages of chunk transfer (PROTOCOL.md, "Chunk transfer"): what they say, and their bytes.
//
// Readers check every length and range; kMalformed if a message does not have the fields of its type.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bus/chunks/manifest.h"

namespace zswarm::bus {

inline constexpr std::size_t kMapBytes = 64u << 10;            // of one kChunkHave: 524,288 chunks
inline constexpr std::size_t kChunksPerGet = 16;               // of one kChunkGet
inline constexpr std::size_t kProofBytes = 26 * sizeof(Hash);  // log2(kChunks) hashes

struct ChunkQuery {
  BlobId blob{};
  std::uint64_t first = 0;  // a multiple of 8
};
struct ChunkHave {
  BlobId blob{};
  std::optional<ErrorCode> error;  // none: ok
  std::uint64_t count = 0;         // chunks there, in all
  std::uint64_t first = 0;         // that the map speaks of
  Bytes map;                       // one bit each; empty if all are there
};
struct ChunkGet {
  BlobId blob{};
  std::vector<std::uint64_t> chunks;
};
struct ChunkData {
  BlobId blob{};
  std::uint64_t chunk = 0;
  std::optional<ErrorCode> error;  // none: ok
  Bytes proof, data;
};

[[nodiscard]] Bytes write_message(const ChunkQuery& query);
[[nodiscard]] Bytes write_message(const ChunkHave& have);
[[nodiscard]] Bytes write_message(const ChunkGet& get);
[[nodiscard]] Bytes write_message(const ChunkData& data);

[[nodiscard]] Result<ChunkQuery> read_chunk_query(ByteView message);
[[nodiscard]] Result<ChunkHave> read_chunk_have(ByteView message);
[[nodiscard]] Result<ChunkGet> read_chunk_get(ByteView message);
[[nodiscard]] Result<ChunkData> read_chunk_data(ByteView message);

}  // namespace zswarm::bus
