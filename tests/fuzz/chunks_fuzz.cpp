// Any bytes into both sides of a chunk transfer: no crash, bounded queues, and nothing but the blob in the
// store.
//
// The input is a list of steps: a byte that chooses what happens, then what it needs. Messages are taken as
// they are, or built from the input so that they get past the decoder.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "bus/chunks/client.h"
#include "bus/chunks/memory_store.h"
#include "bus/chunks/server.h"
#include "tests/fuzz/input.h"

namespace {

using namespace zswarm::bus;

constexpr std::size_t kSize = 5 * kChunkBytesMin + 7;

NodeId node(std::uint8_t number) {
  NodeId id;
  id.bytes.fill(number % 8);
  return id;
}

const std::shared_ptr<MemoryStore>& whole() {
  static const std::shared_ptr<MemoryStore> store = [] {
    Bytes bytes(kSize);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
    return MemoryStore::of(bytes, kChunkBytesMin);
  }();
  return store;
}

struct World {
  World()
      : store(std::make_shared<MemoryStore>(whole()->manifest())),
        client({.sources_max = 4}, 2, random),
        server({.peers_max = 4,
                .queue_per_peer = 4,
                .peer_bytes_per_s = 100'000,
                .peer_burst_bytes = kChunkBytesMax}) {
    server.offer(whole());
    server.offer(store);  // the later one, under the same id: it serves while it fills
    (void)client.fetch(now, store, {node(1), node(2)}, out);
  }

  void give(const Bytes& message, const NodeId& from) {
    const auto header = read_header(message);
    if (!header) return;
    (void)server.on_message(now, from, *header, message, out);
    (void)client.on_message(now, from, *header, message, out);
  }

  ChunkData data(Input& input) {
    const std::uint64_t chunk = input.byte() % 7;
    ChunkData data{.blob = blob, .chunk = chunk, .error = {}, .proof = {}, .data = {}};
    if (chunk < whole()->manifest().chunks()) {
      data.proof = *whole()->proof(chunk);
      data.data = *whole()->chunk(chunk);
    }
    const std::uint8_t spoil = input.byte();
    if (spoil % 4 == 0) data.proof = input.bytes();
    if (spoil % 5 == 0) data.data = input.bytes();
    if (spoil % 7 == 0 && !data.data.empty()) data.data[spoil % data.data.size()] ^= input.byte();
    if (spoil % 11 == 0) data.error = static_cast<ErrorCode>(input.byte() % 10);
    return data;
  }

  void step(Input& input) {
    const std::uint8_t what = input.byte(), who = input.byte();
    switch (what % 10) {
      case 0:
        return give(input.bytes(), node(who));
      case 1:
        return give(write_message(ChunkQuery{blob, std::uint64_t{input.byte()} * 8}), node(who));
      case 2:
        return give(
            write_message(ChunkHave{blob, {}, input.byte() % 8u, input.byte() % 4u * 8u, input.bytes()}),
            node(who));
      case 3: {
        ChunkGet get{blob, {}};
        for (const std::uint8_t chunk : input.bytes()) {
          if (get.chunks.size() < kChunksPerGet) get.chunks.push_back(chunk);
        }
        return give(write_message(get), node(who));
      }
      case 4:
      case 5:
        return give(write_message(data(input)), node(who));
      case 6:
        (void)client.add_source(now, blob, node(who), out);
        return;
      case 7:
        client.on_lost(now, node(who), out);
        return server.on_lost(now, node(who));
      case 8:
        if (who % 16 == 0) client.cancel(blob);
        return;
      default:
        now = now + Duration(std::int64_t{who} * 20'000);
        client.on_timer(now, out);
        server.on_timer(now, out);
    }
  }

  void check() const {
    ZS_BUS_ASSERT(server.peers() <= 4 && server.queued() <= 16);
    const ChunkFetch* fetch = client.find(blob);
    ZS_BUS_ASSERT(fetch == nullptr || (fetch->sources() <= 4 && fetch->in_flight() <= 6));
    for (std::uint64_t chunk = 0; chunk < store->manifest().chunks(); ++chunk) {
      if (store->have().has(chunk)) ZS_BUS_ASSERT(*store->chunk(chunk) == *whole()->chunk(chunk));
    }
  }

  const BlobId blob = whole()->manifest().id();
  std::shared_ptr<MemoryStore> store;
  Random random{1};
  ChunkClient client;
  ChunkServer server;
  Outbox out;
  Time now{std::chrono::seconds(1)};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, std::min<std::size_t>(size, 4096));
  World world;
  while (!input.empty()) {
    world.step(input);
    world.check();
    (void)world.out.take();
  }
  for (int second = 0; second < 300; ++second) {
    world.now = world.now + std::chrono::seconds(1);
    world.client.on_timer(world.now, world.out);
    world.server.on_timer(world.now, world.out);
  }
  ZS_BUS_ASSERT(world.client.take_results().size() == 1 && world.client.fetches() == 0);
  ZS_BUS_ASSERT(world.server.peers() == 0 && world.server.queued() == 0);
  return 0;
}
