// A node that fetches and gives chunks, and ways for it to be bad at it.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bus/chunks/client.h"
#include "bus/chunks/memory_store.h"
#include "bus/chunks/server.h"
#include "tests/bus/service/network.h"

namespace zswarm::bus {

class ChunkPeer final : public TestNode {
 public:
  explicit ChunkPeer(std::uint64_t seed, const ChunkServerConfig& server_config = {},
                     const FetchConfig& fetch_config = {})
      : random_(seed), client(fetch_config, 8, random_), server(server_config) {}

  void on_message(Time now, const NodeId& from, const Header& header, const Send& message,
                  Outbox& out) override {
    const bool to_server = header.type == MessageType::kChunkQuery || header.type == MessageType::kChunkGet;
    Outbox mine;
    const Status status = to_server ? server.on_message(now, from, header, message.message, mine)
                                    : client.on_message(now, from, header, message.message, mine);
    if (!status) ++errors;
    pass_on(mine, out);
    collect(now);
  }
  void on_lost(Time now, const NodeId& peer, Outbox& out) override {
    client.on_lost(now, peer, out);
    server.on_lost(now, peer);
  }
  void on_timer(Time now, Outbox& out) override {
    Outbox mine;
    client.on_timer(now, mine);
    server.on_timer(now, mine);
    pass_on(mine, out);
    collect(now);
  }
  [[nodiscard]] Time next_timer() const override {
    return std::min(client.next_timer(), server.next_timer());
  }

  /// Changes data before they are sent, or swallows the message by returning false.
  std::function<bool(ChunkData&)> tamper;
  std::vector<FetchResult> results;
  Time finished_at;
  std::uint64_t errors = 0, chunks_sent = 0;

 private:
  void pass_on(Outbox& mine, Outbox& out) {
    for (Effect& effect : mine.take()) {
      auto& send = std::get<Send>(effect);
      if (read_header(send.message)->type == MessageType::kChunkData) {
        Result<ChunkData> data = read_chunk_data(send.message);
        ++chunks_sent;
        if (tamper && !tamper(*data)) continue;
        send.message = write_message(*data);
      }
      out.add(std::move(send));
    }
  }
  void collect(Time now) {
    for (FetchResult& result : client.take_results()) {
      results.push_back(std::move(result));
      finished_at = now;
    }
  }

  Random random_;

 public:
  ChunkClient client;
  ChunkServer server;
};

inline Bytes some_bytes(std::size_t size, std::uint64_t seed) {
  Bytes bytes(size);
  Random random(seed);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.next());
  return bytes;
}

}  // namespace zswarm::bus
