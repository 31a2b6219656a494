#include "bus/chunks/merkle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bus/base/random.h"
#include "bus/chunks/chunk_map.h"
#include "bus/chunks/memory_store.h"

namespace zswarm::bus {
namespace {

TEST(Merkle, TreeOfThreeLeavesIsTheOneOfTheSpecification) {
  const Hash a = leaf_hash(Bytes{1}), b = leaf_hash(Bytes{2}), c = leaf_hash(Bytes{3});
  const std::vector<Hash> nodes = whole_tree({a, b, c});
  ASSERT_EQ(nodes.size(), 6u);
  EXPECT_EQ(nodes[3], parent_hash(a, b));
  EXPECT_EQ(nodes[4], c);  // alone on its level: taken up unchanged
  EXPECT_EQ(nodes[5], parent_hash(parent_hash(a, b), c));
  const TreeShape shape(3);
  EXPECT_EQ(shape.nodes(), 6u);
  EXPECT_EQ(shape.proof_hashes(0), 2u);
  EXPECT_EQ(shape.proof_hashes(2), 1u);
}

TEST(Merkle, LeavesAndInnerNodesHaveDifferentHashes) {
  const Hash a = leaf_hash(Bytes{1}), b = leaf_hash(Bytes{2});
  Bytes both(a.begin(), a.end());
  both.insert(both.end(), b.begin(), b.end());
  EXPECT_NE(leaf_hash(both), parent_hash(a, b));
}

RC_GTEST_PROP(Merkle, ProvesEveryChunkAndNothingElse, (std::uint32_t seed)) {
  Random random(seed);
  Bytes bytes(1 + random.below(40 * kChunkBytesMin));
  for (std::size_t i = 0; i < bytes.size(); i += 97) bytes[i] = static_cast<std::uint8_t>(random.next());
  const auto store = MemoryStore::of(bytes, kChunkBytesMin);
  const Manifest& manifest = store->manifest();
  for (std::uint64_t chunk = 0; chunk < manifest.chunks(); ++chunk) {
    Bytes data = *store->chunk(chunk), proof = *store->proof(chunk);
    RC_ASSERT(verify_chunk(manifest, store->shape(), chunk, data, proof).has_value());
    Bytes& spoiled = random.below(2) == 0 || proof.empty() ? data : proof;
    spoiled[random.below(spoiled.size())] ^= static_cast<std::uint8_t>(1u << random.below(8));
    RC_ASSERT(!verify_chunk(manifest, store->shape(), chunk, data, proof).has_value());
  }
}

TEST(Manifest, HasAnIdThatDependsOnEverythingInIt) {
  const Manifest manifest{1000, kChunkBytesMin, leaf_hash(Bytes{1})};
  EXPECT_EQ(manifest.id(), (Manifest{1000, kChunkBytesMin, leaf_hash(Bytes{1})}.id()));
  EXPECT_NE(manifest.id(), (Manifest{1001, kChunkBytesMin, leaf_hash(Bytes{1})}.id()));
  EXPECT_NE(manifest.id(), (Manifest{1000, kChunkBytesMin * 2, leaf_hash(Bytes{1})}.id()));
  EXPECT_NE(manifest.id(), (Manifest{1000, kChunkBytesMin, leaf_hash(Bytes{2})}.id()));
}

TEST(Manifest, FromOutsideIsCheckedBeforeItIsUsed) {
  EXPECT_TRUE((Manifest{1, kChunkBytesMin, {}}.check()));
  EXPECT_FALSE((Manifest{0, kChunkBytesMin, {}}.check()));
  EXPECT_FALSE((Manifest{1, 0, {}}.check()));
  EXPECT_FALSE((Manifest{1, kChunkBytesMin + 1, {}}.check()));
  EXPECT_FALSE((Manifest{1, kChunkBytesMax * 2, {}}.check()));
  EXPECT_TRUE((Manifest{kChunks * kChunkBytesMin, kChunkBytesMin, {}}.check()));
  EXPECT_FALSE((Manifest{kChunks * kChunkBytesMin + 1, kChunkBytesMin, {}}.check()));
}

RC_GTEST_PROP(ChunkMap, ComesBackFromItsBytes, (const std::vector<bool>& bits)) {
  RC_PRE(!bits.empty());
  ChunkMap map(bits.size());
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if (bits[i]) map.set(i);
  }
  ChunkMap copy(bits.size());
  for (std::uint64_t first = 0; first < bits.size(); first += 16) copy.add(first, map.bytes(first, 2));
  RC_ASSERT(copy.count() == map.count());
  for (std::size_t i = 0; i < bits.size(); ++i) RC_ASSERT(copy.has(i) == bits[i]);
  copy.add(0, Bytes(bits.size(), 0xff));  // bits beyond the end change nothing
  RC_ASSERT(copy.complete());
}

}  // namespace
}  // namespace zswarm::bus
