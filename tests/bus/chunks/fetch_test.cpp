// Blobs that come from several nodes, of which some lie, die or are slow.
#include "bus/chunks/fetch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/bus/chunks/chunk_peer.h"

namespace zswarm::bus {
namespace {

constexpr std::uint32_t kSmall = kChunkBytesMin;
constexpr Time kEnd{std::chrono::minutes(30)};

/// Node 1 fetches; nodes 2, 3, … have the blob.
struct Scene {
  Scene(std::uint64_t seed, std::size_t size, Duration max_delay = 30ms)
      : network(seed, max_delay), bytes(some_bytes(size, seed)), whole(MemoryStore::of(bytes, kSmall)) {
    network.watch([this](Time, const NodeId& from, const Send& send) { watch(from, send); });
  }
  ChunkPeer& add(std::uint8_t number, const ChunkServerConfig& config = {}, const FetchConfig& fetch = {}) {
    const NodeId id = node_named(number);
    peers[id] = std::make_unique<ChunkPeer>(number, config, fetch);
    network.add(id, *peers[id]);
    return *peers[id];
  }
  ChunkPeer& add_source(std::uint8_t number, const ChunkServerConfig& config = {}) {
    ChunkPeer& peer = add(number, config);
    peer.server.offer(whole);
    sources.push_back(node_named(number));
    return peer;
  }
  void fetch(std::shared_ptr<BlobStore> store, std::uint8_t by = 1) {
    network.act(node_named(by), [&](Outbox& out) {
      (void)peers.at(node_named(by))->client.fetch(network.now(), std::move(store), sources, out);
    });
  }
  /// What is on its way to node 1, counted from outside: asked, less what has come or been refused.
  void watch(const NodeId& from, const Send& send) {
    if (from != node_named(1) || read_header(send.message)->type != MessageType::kChunkGet) return;
    const Result<ChunkGet> get = read_chunk_get(send.message);
    for (const std::uint64_t chunk : get->chunks) ++asked[chunk];
  }
  std::size_t asked_more_than_once() const {
    return std::count_if(asked.begin(), asked.end(), [](const auto& entry) { return entry.second > 1; });
  }

  TestNetwork network;
  Bytes bytes;
  std::shared_ptr<MemoryStore> whole;
  std::map<NodeId, std::unique_ptr<ChunkPeer>> peers;
  std::vector<NodeId> sources;
  std::map<std::uint64_t, std::size_t> asked;
};

TEST(ChunkFetch, GetsABlobBitForBitFromOneSource) {
  for (const std::size_t size : {1u, kSmall - 1, kSmall, kSmall + 1, 77 * kSmall + 5}) {
    Scene scene(1, size);
    ChunkPeer& fetcher = scene.add(1);
    scene.add_source(2);
    const auto store = std::make_shared<MemoryStore>(scene.whole->manifest());
    scene.fetch(store);
    scene.network.run(kEnd);
    ASSERT_EQ(fetcher.results.size(), 1u);
    EXPECT_TRUE(fetcher.results[0].outcome);
    EXPECT_TRUE(store->finished());
    EXPECT_EQ(store->bytes(), scene.bytes);
    EXPECT_EQ(scene.asked_more_than_once(), 0u);
    EXPECT_EQ(scene.peers.at(node_named(2))->server.peers(), 0u);
    EXPECT_EQ(fetcher.next_timer(), kNever);
  }
}

TEST(ChunkFetch, GetsABlobFromThreeSourcesOfWhichOneLiesAndOneDies) {
  Scene scene(2, 3000 * kSmall + 17);
  ChunkPeer& fetcher = scene.add(1);
  const ChunkServerConfig slow{.peer_bytes_per_s = 1u << 20, .peer_burst_bytes = 1u << 19};
  scene.add_source(2, slow);
  ChunkPeer& liar = scene.add_source(3, slow);
  scene.add_source(4, slow);
  liar.tamper = [&](ChunkData& data) {
    if (!data.error && liar.chunks_sent > 40) data.data[data.data.size() / 2] ^= 1;
    return true;
  };
  const auto store = std::make_shared<MemoryStore>(scene.whole->manifest());
  scene.fetch(store);
  scene.network.run(Time{3s});
  EXPECT_GT(scene.peers.at(node_named(4))->chunks_sent, 100u);
  scene.network.kill(node_named(4));
  scene.network.run(kEnd);
  ASSERT_EQ(fetcher.results.size(), 1u);
  EXPECT_TRUE(fetcher.results[0].outcome);
  EXPECT_EQ(store->bytes(), scene.bytes);
  EXPECT_EQ(fetcher.results[0].stats.lies, 1u);
  EXPECT_LT(scene.asked_more_than_once(), 200u);
}

TEST(ChunkFetch, StoresNoLieWhateverKindItIs) {
  const std::vector<std::function<void(ChunkData&)>> lies = {
      [](ChunkData& data) { data.data.back() ^= 0x80; },
      [](ChunkData& data) { data.data.pop_back(); },
      [](ChunkData& data) { data.data.push_back(0); },
      [](ChunkData& data) { data.data.clear(); },
      [](ChunkData& data) { data.proof.back() ^= 1; },
      [](ChunkData& data) { data.proof.clear(); },
      [](ChunkData& data) { data.proof.resize(data.proof.size() + sizeof(Hash)); },
      [](ChunkData& data) { data.chunk ^= 1; },
      [](ChunkData& data) { data.chunk = kChunks; },
  };
  for (const auto& lie : lies) {
    Scene scene(3, 10 * kSmall);
    ChunkPeer& fetcher = scene.add(1);
    ChunkPeer& liar = scene.add_source(2);
    liar.tamper = [&](ChunkData& data) { return lie(data), true; };
    const auto store = std::make_shared<MemoryStore>(scene.whole->manifest());
    scene.fetch(store);
    scene.network.run(kEnd);
    ASSERT_EQ(fetcher.results.size(), 1u);
    ASSERT_FALSE(fetcher.results[0].outcome);
    EXPECT_EQ(fetcher.results[0].outcome.error().code, ErrorCode::kUnreachable);
    for (std::uint64_t chunk = 0; chunk < store->manifest().chunks(); ++chunk) {
      EXPECT_TRUE(!store->have().has(chunk) || *store->chunk(chunk) == *scene.whole->chunk(chunk));
    }
    EXPECT_EQ(fetcher.results[0].stats.lies, 1u);
  }
}

TEST(ChunkFetch, AsksForNothingThatIsThereAlready) {
  Scene scene(4, 400 * kSmall);
  ChunkPeer& fetcher = scene.add(1);
  scene.add_source(2, {.peer_bytes_per_s = 1u << 18, .peer_burst_bytes = 1u << 18});
  const auto store = std::make_shared<MemoryStore>(scene.whole->manifest());
  scene.fetch(store);
  scene.network.run(Time{3s});
  scene.network.act(node_named(1), [&](Outbox&) { fetcher.client.cancel(store->manifest().id()); });
  scene.network.run(Time{60s});
  const std::uint64_t there = store->have().count();
  EXPECT_GT(there, 100u);
  EXPECT_LT(there, 350u);
  scene.asked.clear();
  scene.fetch(store);
  scene.network.run(kEnd);
  EXPECT_EQ(store->bytes(), scene.bytes);
  EXPECT_EQ(scene.asked.size(), 400 - there);
  EXPECT_EQ(fetcher.results.at(0).outcome.error().code, ErrorCode::kCancelled);
  EXPECT_TRUE(fetcher.results.at(1).outcome);
}

TEST(ChunkFetch, GivesMoreWorkToFasterSources) {
  Scene scene(5, 2000 * kSmall);
  ChunkPeer& fetcher = scene.add(1);
  ChunkPeer& slow =
      scene.add_source(2, {.peer_bytes_per_s = 20 * kSmall, .peer_burst_bytes = kChunkBytesMax});
  ChunkPeer& fast =
      scene.add_source(3, {.peer_bytes_per_s = 200 * kSmall, .peer_burst_bytes = kChunkBytesMax});
  const auto store = std::make_shared<MemoryStore>(scene.whole->manifest());
  scene.fetch(store);
  scene.network.run(kEnd);
  EXPECT_EQ(store->bytes(), scene.bytes);
  EXPECT_GT(fast.chunks_sent, 3 * slow.chunks_sent);
  EXPECT_GT(slow.chunks_sent, 50u);
  EXPECT_LT(fetcher.finished_at, Time{14s});  // both together: 9 s
}

TEST(ChunkFetch, DropsASourceThatAnswersNothingAndTellsWhenNobodyIsLeft) {
  Scene scene(6, 50 * kSmall);
  ChunkPeer& fetcher = scene.add(1);
  ChunkPeer& mute = scene.add_source(2);
  mute.tamper = [](ChunkData&) { return false; };
  const auto store = std::make_shared<MemoryStore>(scene.whole->manifest());
  scene.fetch(store);
  scene.network.run(kEnd);
  ASSERT_EQ(fetcher.results.size(), 1u);
  EXPECT_EQ(fetcher.results[0].outcome.error().code, ErrorCode::kUnreachable);
  EXPECT_EQ(fetcher.results[0].stats.strikes, 3u);
}

TEST(ChunkFetch, FinishesThroughASourceThatStandsStillNearTheEnd) {
  Scene scene(7, 300 * kSmall);
  ChunkPeer& fetcher = scene.add(1);
  ChunkPeer& stuck = scene.add_source(2, {.peer_bytes_per_s = 1u << 19, .peer_burst_bytes = kChunkBytesMax});
  scene.add_source(3, {.peer_bytes_per_s = 1u << 19, .peer_burst_bytes = kChunkBytesMax});
  stuck.tamper = [&](ChunkData&) { return stuck.chunks_sent < 20; };
  const auto store = std::make_shared<MemoryStore>(scene.whole->manifest());
  scene.fetch(store);
  scene.network.run(kEnd);
  EXPECT_EQ(store->bytes(), scene.bytes);
  const ChunkFetch::Stats& stats = fetcher.results.at(0).stats;
  EXPECT_GT(stats.asked_twice, 0u);
  EXPECT_LE(stats.asked_twice, 100u);
  EXPECT_LT(fetcher.finished_at, Time{4s});  // before anybody could call the source stalled
}

TEST(ChunkFetch, KeepsToItsRate) {
  Scene scene(8, 200 * kChunkBytesMin);
  ChunkPeer& fetcher = scene.add(1, {}, {.bytes_per_s = 64u << 10, .burst_bytes = kChunkBytesMax});
  scene.add_source(2);
  const auto store = std::make_shared<MemoryStore>(scene.whole->manifest());
  scene.fetch(store);
  scene.network.run(kEnd);
  EXPECT_EQ(store->bytes(), scene.bytes);
  EXPECT_GT(fetcher.finished_at, Time{4s});  // 800 KiB, of which 512 are the burst
  EXPECT_LT(fetcher.finished_at, Time{6s});
}

TEST(ChunkFetch, PassesOnWhatArrivesWhileItArrives) {
  Scene scene(9, 500 * kSmall);
  ChunkPeer& first = scene.add(1);
  ChunkPeer& second = scene.add(5);
  ChunkPeer& seed = scene.add_source(2, {.peer_bytes_per_s = 50 * kSmall,
                                         .peer_burst_bytes = kChunkBytesMax,
                                         .bytes_per_s = 50 * kSmall,
                                         .burst_bytes = kChunkBytesMax});
  const auto a = std::make_shared<MemoryStore>(scene.whole->manifest());
  const auto b = std::make_shared<MemoryStore>(scene.whole->manifest());
  first.server.offer(a);
  second.server.offer(b);
  scene.sources = {node_named(2), node_named(5)};
  scene.fetch(a, 1);
  scene.sources = {node_named(2), node_named(1)};
  scene.fetch(b, 5);
  scene.network.run(kEnd);
  EXPECT_EQ(a->bytes(), scene.bytes);
  EXPECT_EQ(b->bytes(), scene.bytes);
  EXPECT_LT(seed.chunks_sent, 900u);  // each alone would have cost it 500
}

/// Bytes that a file system would refuse.
class FullStore final : public BlobStore {
 public:
  using BlobStore::BlobStore;
  Status checkpoint() override { return {}; }
  Status finish() override { return {}; }

 private:
  Status read(std::uint64_t, std::span<std::uint8_t>) override { return fail(ErrorCode::kIo, "no"); }
  Status write(std::uint64_t, ByteView) override { return fail(ErrorCode::kIo, "the disk is full"); }
  Status read_node(std::uint64_t, Hash&) override { return fail(ErrorCode::kIo, "no"); }
  Status write_node(std::uint64_t, const Hash&) override { return fail(ErrorCode::kIo, "no"); }
};

TEST(ChunkFetch, EndsWithTheErrorOfItsStore) {
  Scene scene(10, 50 * kSmall);
  ChunkPeer& fetcher = scene.add(1);
  scene.add_source(2);
  scene.fetch(std::make_shared<FullStore>(scene.whole->manifest()));
  scene.network.run(kEnd);
  EXPECT_EQ(fetcher.results.at(0).outcome.error().message, "the disk is full");
}

RC_GTEST_PROP(ChunkFetch, GetsEveryBlobThroughAnyTroubleThatLeavesOneGoodSource, (std::uint64_t seed)) {
  Random random(seed);
  Scene scene(seed, 1 + random.below(300 * kSmall), Duration(1000 + random.below(100'000)));
  ChunkPeer& fetcher = scene.add(1);
  std::set<NodeId> killed;
  const auto sources = static_cast<std::uint8_t>(2 + random.below(4));  // numbers 2 to sources; 2 is good
  for (std::uint8_t number = 2; number <= sources; ++number) {
    const std::uint64_t rate = (1 + random.below(200)) * kSmall;
    ChunkPeer& peer = scene.add_source(number, {.queue_per_peer = 1 + random.below(40),
                                                .peer_bytes_per_s = rate,
                                                .peer_burst_bytes = kChunkBytesMax});
    if (number == 2) continue;
    const std::size_t kind = random.below(4), from = random.below(60);
    if (kind == 0)
      peer.tamper = [&peer, from](ChunkData& d) { return d.chunk ^= peer.chunks_sent > from, true; };
    if (kind == 1) peer.tamper = [&peer, from](ChunkData&) { return peer.chunks_sent < from; };
    if (kind != 2) continue;
    killed.insert(node_named(number));
    const Time when{Duration(random.below(5'000'000))};
    scene.network.at(when, [&scene, number] { scene.network.kill(node_named(number)); });
  }
  for (std::size_t i = random.below(6); i > 0; --i) {
    const auto number = static_cast<std::uint8_t>(2 + random.below(sources - 1));
    const bool repeat = random.below(2) == 0;
    scene.network.at(Time{Duration(random.below(5'000'000))}, [&scene, number, repeat] {
      scene.network.break_connection(node_named(1), node_named(number), repeat, false);
    });
  }
  const auto store = std::make_shared<MemoryStore>(scene.whole->manifest());
  scene.fetch(store);
  for (int again = 0; again < 10 && !store->finished(); ++again) {
    scene.network.run(scene.network.now() + std::chrono::minutes(3));
    if (!store->finished()) scene.fetch(store);  // what a program does after kUnreachable
  }
  RC_ASSERT(store->finished());
  RC_ASSERT(store->bytes() == scene.bytes);
  scene.network.run(scene.network.now() + std::chrono::minutes(3));
  RC_ASSERT(fetcher.client.fetches() == 0u);
  for (const auto& [id, peer] : scene.peers) {
    if (killed.contains(id)) continue;
    RC_ASSERT(peer->server.queued() == 0u);
    RC_ASSERT(peer->server.peers() == 0u);
  }
}

}  // namespace
}  // namespace zswarm::bus
