// Fetches one blob into a store, from several nodes at once (PROTOCOL.md, "Chunk transfer").
//
// Each source is asked what it has, then for chunks: as many ahead as it delivers in a second, so fast
// sources do more of the work. Every chunk is verified against the manifest before it is stored. A source
// that sends a wrong chunk is dropped for good; one that is slow or lost has its chunks asked elsewhere, a
// pause, and after some strikes is dropped, too (the program may add it again). Near the end chunks may be
// asked twice; the number is bounded. What the store has already is not asked for, so a fetch goes on where
// an earlier one stopped.
//
// Sans I/O but for the store, which it reads and writes on this thread. Memory: bits per chunk and source,
// and a window of chunk numbers each; chunks themselves go straight into the store. Messages travel on
// Lane::kControl.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "bus/base/node_id.h"
#include "bus/base/random.h"
#include "bus/base/token_bucket.h"
#include "bus/chunks/blob_store.h"
#include "bus/chunks/limits.h"
#include "bus/chunks/messages.h"
#include "bus/chunks/source.h"
#include "bus/proto/outbox.h"

namespace zswarm::bus {

class ChunkFetch {
 public:
  struct Stats {
    std::uint64_t chunks = 0, bytes = 0;  // verified and stored
    std::uint64_t duplicates = 0;         // came again
    std::uint64_t strays = 0;             // not asked for
    std::uint64_t lies = 0;               // sources dropped for good
    std::uint64_t strikes = 0;
    std::uint64_t asked_twice = 0;  // near the end
  };

  ChunkFetch(const FetchConfig& config, std::shared_ptr<BlobStore> store, Random& random);

  /// A blob of which nothing is missing is done at once.
  void start(Time now);
  /// kRefused for one that has lied, kBusy beyond sources_max. One that is known already is left as it is.
  Status add_source(Time now, const NodeId& source, Outbox& out);
  void remove_source(Time now, const NodeId& source, Outbox& out);
  /// Nothing more is asked; the outcome is kCancelled. What is there stays.
  void cancel();

  void on_have(Time now, const NodeId& from, const ChunkHave& have, Outbox& out);
  void on_data(Time now, const NodeId& from, const ChunkData& data, Outbox& out);
  /// Bytes that are not what they claim: the source is dropped for good.
  void on_malformed(Time now, const NodeId& from, Outbox& out);
  /// The connection is gone. The source gets a pause.
  void on_lost(Time now, const NodeId& peer, Outbox& out);
  void on_timer(Time now, Outbox& out);
  [[nodiscard]] Time next_timer() const { return outcome_ ? kNever : due_; }

  /// Nothing while it runs. An error: of the store, or kUnreachable if nobody gave a good chunk for give_up.
  [[nodiscard]] const std::optional<Status>& outcome() const { return outcome_; }
  [[nodiscard]] const BlobStore& store() const { return *store_; }
  [[nodiscard]] std::size_t sources() const { return sources_.size(); }
  [[nodiscard]] bool has_source(const NodeId& id) const { return sources_.contains(id); }
  [[nodiscard]] std::size_t in_flight() const { return flight_.size(); }
  [[nodiscard]] double bytes_per_s() const;
  [[nodiscard]] const Stats& stats() const { return stats_; }

 private:
  using Sources = std::map<NodeId, Source>;
  struct Flight {
    std::uint32_t askers = 0;
    Time first;  // asked
  };

  void query(Time now, const NodeId& id, Source& source, std::uint64_t first, Outbox& out);
  void fill(Time now, Outbox& out);
  /// Chunks for one request, chosen and entered as asked.
  [[nodiscard]] std::vector<std::uint64_t> choose(Time now, Source& source);
  [[nodiscard]] std::optional<std::uint64_t> pick(Source& source);
  [[nodiscard]] std::optional<std::uint64_t> pick_duplicate(const Source& source) const;
  [[nodiscard]] bool may_ask(Time now, std::uint32_t bytes);

  void on_refused(Time now, Sources::iterator at, const ChunkData& data, ErrorCode code);
  void store_chunk(Time now, Source& source, const ChunkData& data, const std::vector<TreeNode>& siblings);
  /// One asker less for the chunk.
  void release(std::uint64_t chunk);
  void release_all(Source& source);
  void strike(Time now, Sources::iterator at);
  void pause(Source& source, Time until);
  void drop(Sources::iterator at);
  void ban(Sources::iterator at);
  void measure(Time now);
  void step(Time now, Sources::iterator at, Outbox& out);
  void end(Status outcome);

  FetchConfig config_;
  std::shared_ptr<BlobStore> store_;
  Random& random_;
  TokenBucket rate_;
  Sources sources_;
  std::set<NodeId> banned_;
  ChunkMap asked_;                          // of whom does not matter
  std::map<std::uint64_t, Flight> flight_;  // the same, with details
  std::size_t asked_twice_ = 0;             // of flight_
  std::uint64_t flight_bytes_ = 0;
  std::uint64_t unsaved_bytes_ = 0;  // since the last checkpoint
  Time last_good_, measured_, due_ = kNever;
  std::optional<Status> outcome_;
  Stats stats_;
};

}  // namespace zswarm::bus
