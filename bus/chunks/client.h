// All fetches of a node: gives each message to the fetch of its blob (fetch.h).
//
// Sans I/O but for the stores, one thread. A fetch that has ended is forgotten once take_results() told of
// it.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include "bus/chunks/fetch.h"
#include "bus/wire/message.h"

namespace zswarm::bus {

struct FetchResult {
  BlobId blob{};
  Status outcome;
  ChunkFetch::Stats stats;
};

class ChunkClient {
 public:
  ChunkClient(const FetchConfig& config, std::size_t fetches_max, Random& random)
      : config_(config), fetches_max_(fetches_max), random_(random) {}

  /// Begins or joins the fetch of the store's blob. kBusy beyond fetches_max. Sources that lied are left out.
  Status fetch(Time now, std::shared_ptr<BlobStore> store, const std::vector<NodeId>& sources, Outbox& out);
  /// kNotFound if there is no such fetch; else as ChunkFetch::add_source.
  Status add_source(Time now, const BlobId& blob, const NodeId& source, Outbox& out);
  void cancel(const BlobId& blob);

  /// Types kChunkHave and kChunkData. kMalformed for bytes that are not what they claim.
  Status on_message(Time now, const NodeId& from, const Header& header, ByteView message, Outbox& out);
  void on_lost(Time now, const NodeId& peer, Outbox& out);
  void on_timer(Time now, Outbox& out);
  [[nodiscard]] Time next_timer() const;

  [[nodiscard]] std::vector<FetchResult> take_results();
  /// For progress; nothing if there is no such fetch.
  [[nodiscard]] const ChunkFetch* find(const BlobId& blob) const;
  [[nodiscard]] std::size_t fetches() const { return fetches_.size(); }

 private:
  Status on_malformed(Time now, const NodeId& from, Error error, Outbox& out);

  FetchConfig config_;
  std::size_t fetches_max_;
  Random& random_;
  std::map<BlobId, ChunkFetch> fetches_;
};

}  // namespace zswarm::bus
