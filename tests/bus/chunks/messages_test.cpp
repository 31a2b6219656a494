// The bytes of the example in bus/PROTOCOL.md, which were computed apart from this code.
#include "bus/chunks/messages.h"

#include <gtest/gtest.h>

#include "bus/chunks/memory_store.h"

namespace zswarm::bus {
namespace {

const std::string kId = "52b439b76d2c54b3c5d42433929dd01baa0a6d5c51798547b6f4d8d485eb9268";
const std::string kLeaf0 = "bf4efcf4b363f5b5d75c440f275d4e01ec12e4bd489c40e3e6472b4800c61f8f";

std::string hex(const Bytes& bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

TEST(ChunkMessages, AreTheBytesOfTheSpecification) {
  Bytes bytes(4097, 'a');
  bytes.back() = 'b';
  const auto store = MemoryStore::of(bytes, 4096);
  const BlobId id = store->manifest().id();
  EXPECT_EQ(hash_text(id), kId);
  EXPECT_EQ(hash_text(store->manifest().root),
            "f02bba20d2d3c0e0ee5fe9ab88c9a65244668041c6a7af8e0f0a594630a538cd");
  EXPECT_EQ(hex(write_message(ChunkQuery{id, 0})), "010060000000000092c420" + kId + "00");
  EXPECT_EQ(hex(write_message(ChunkHave{id, {}, 2, 0, {}})),
            "010061000000000095c420" + kId + "a26f6b0200c400");
  EXPECT_EQ(hex(write_message(ChunkGet{id, {1}})), "010062000000000092c420" + kId + "9101");
  EXPECT_EQ(hex(write_message(ChunkData{id, 1, {}, *store->proof(1), *store->chunk(1)})),
            "010063000000000095c420" + kId + "01a26f6bc420" + kLeaf0 + "c40162");
}

TEST(ChunkMessages, OverTheirLimitsAreMalformed) {
  const BlobId id{};
  EXPECT_TRUE(read_chunk_query(write_message(ChunkQuery{id, 8})));
  EXPECT_FALSE(read_chunk_query(write_message(ChunkQuery{id, 7})));
  EXPECT_FALSE(read_chunk_query(write_message(ChunkQuery{id, kChunks + 8})));
  EXPECT_TRUE(read_chunk_have(write_message(ChunkHave{id, {}, kChunks, 8, Bytes(kMapBytes)})));
  EXPECT_FALSE(read_chunk_have(write_message(ChunkHave{id, {}, kChunks + 1, 8, {}})));
  EXPECT_FALSE(read_chunk_have(write_message(ChunkHave{id, {}, 1, 4, {}})));
  EXPECT_FALSE(read_chunk_have(write_message(ChunkHave{id, {}, 1, 8, Bytes(kMapBytes + 1)})));
  EXPECT_TRUE(read_chunk_get(write_message(ChunkGet{id, std::vector<std::uint64_t>(kChunksPerGet)})));
  EXPECT_FALSE(read_chunk_get(write_message(ChunkGet{id, std::vector<std::uint64_t>(kChunksPerGet + 1)})));
  EXPECT_TRUE(
      read_chunk_data(write_message(ChunkData{id, 0, {}, Bytes(kProofBytes), Bytes(kChunkBytesMax)})));
  EXPECT_FALSE(read_chunk_data(write_message(ChunkData{id, 0, {}, Bytes(kProofBytes + 1), {}})));
  EXPECT_FALSE(read_chunk_data(write_message(ChunkData{id, 0, {}, {}, Bytes(kChunkBytesMax + 1)})));
}

TEST(ChunkMessages, CarryErrorsByName) {
  const auto data = read_chunk_data(write_message(ChunkData{{}, 5, ErrorCode::kBusy, {}, {}}));
  ASSERT_TRUE(data);
  EXPECT_EQ(data->error, ErrorCode::kBusy);
  EXPECT_EQ(data->chunk, 5u);
}

}  // namespace
}  // namespace zswarm::bus
