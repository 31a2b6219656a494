// Answers who asks for chunks of blobs that lie here (PROTOCOL.md, "Chunk transfer").
//
// Each peer has a bounded queue of chunks that it asked for; they are read and sent in turn, one peer after
// the other, within a rate per peer and one for all, so that a flood of requests delays nobody but its
// sender. Too many at once are answered with kBusy, far too many with silence.
//
// Sans I/O but for the stores, which it reads on this thread. Messages travel on Lane::kControl.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "bus/base/node_id.h"
#include "bus/base/token_bucket.h"
#include "bus/chunks/blob_store.h"
#include "bus/chunks/limits.h"
#include "bus/chunks/messages.h"
#include "bus/proto/outbox.h"
#include "bus/wire/message.h"

namespace zswarm::bus {

class ChunkServer {
 public:
  struct Stats {
    std::uint64_t chunks = 0, bytes = 0;  // sent
    std::uint64_t refused = 0;            // answered with an error
    std::uint64_t dropped = 0;            // messages of floods
    std::uint64_t read_errors = 0;
  };

  explicit ChunkServer(const ChunkServerConfig& config)
      : config_(config), bytes_(config.bytes_per_s, config.burst_bytes) {}

  /// Chunks of the store are given to whoever asks; it may still be filling. The store is shared with a fetch
  /// of the same thread only.
  void offer(std::shared_ptr<BlobStore> store);
  void withdraw(const BlobId& blob);

  /// Types kChunkQuery and kChunkGet. kMalformed for bytes that are not what they claim.
  Status on_message(Time now, const NodeId& from, const Header& header, ByteView message, Outbox& out);
  void on_lost(Time now, const NodeId& peer);
  void on_timer(Time now, Outbox& out);
  [[nodiscard]] Time next_timer() const { return due_; }

  [[nodiscard]] std::size_t peers() const { return peers_.size(); }
  [[nodiscard]] std::size_t queued() const { return queued_; }
  [[nodiscard]] const Stats& stats() const { return stats_; }

 private:
  struct Wanted {
    BlobId blob{};
    std::uint64_t chunk = 0;
    std::uint32_t bytes = 0;
  };
  struct Peer {
    explicit Peer(const ChunkServerConfig& config)
        : bytes(config.peer_bytes_per_s, config.peer_burst_bytes),
          answers(config.answers_per_s, config.answers_burst) {}
    std::deque<Wanted> queue;
    TokenBucket bytes, answers;
    Time last_heard;
  };

  [[nodiscard]] Peer* peer_of(Time now, const NodeId& from);
  [[nodiscard]] BlobStore* store_of(const BlobId& blob) const;
  void on_query(Time now, const NodeId& from, Peer& peer, const ChunkQuery& query, Outbox& out);
  void on_get(Time now, const NodeId& from, Peer& peer, const ChunkGet& get, Outbox& out);
  void refuse(Time now, const NodeId& to, Peer& peer, const BlobId& blob, std::uint64_t chunk, ErrorCode code,
              Outbox& out);
  /// Sends what the rates allow, and sets the timer for the rest.
  void pump(Time now, Outbox& out);
  [[nodiscard]] bool send_next(Time now, const NodeId& to, Peer& peer, Outbox& out);
  void send_chunk(Time now, const NodeId& to, Peer& peer, const Wanted& wanted, Outbox& out);

  ChunkServerConfig config_;
  TokenBucket bytes_;
  std::map<BlobId, std::shared_ptr<BlobStore>> stores_;
  std::map<NodeId, Peer> peers_;
  std::optional<NodeId> last_served_;  // turns go on behind it
  std::size_t queued_ = 0;
  Time due_ = kNever;
  Stats stats_;
};

}  // namespace zswarm::bus
