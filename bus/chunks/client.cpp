#include "bus/chunks/client.h"

#include <algorithm>

namespace zswarm::bus {

Status ChunkClient::fetch(Time now, std::shared_ptr<BlobStore> store, const std::vector<NodeId>& sources,
                          Outbox& out) {
  const BlobId id = store->manifest().id();
  auto at = fetches_.find(id);
  if (at == fetches_.end()) {
    if (fetches_.size() >= fetches_max_)
      return fail(ErrorCode::kBusy, "as many blobs as allowed are being fetched: wait for one to end");
    at = fetches_.try_emplace(id, config_, std::move(store), random_).first;
    at->second.start(now);
  }
  for (const NodeId& source : sources) (void)at->second.add_source(now, source, out);
  return {};
}

Status ChunkClient::add_source(Time now, const BlobId& blob, const NodeId& source, Outbox& out) {
  const auto at = fetches_.find(blob);
  if (at == fetches_.end()) return fail(ErrorCode::kNotFound, "this blob is not being fetched");
  return at->second.add_source(now, source, out);
}

void ChunkClient::cancel(const BlobId& blob) {
  const auto at = fetches_.find(blob);
  if (at != fetches_.end()) at->second.cancel();
}

Status ChunkClient::on_message(Time now, const NodeId& from, const Header& header, ByteView message,
                               Outbox& out) {
  if (header.type == MessageType::kChunkHave) {
    const Result<ChunkHave> have = read_chunk_have(message);
    if (!have) return on_malformed(now, from, have.error(), out);
    const auto at = fetches_.find(have->blob);
    if (at != fetches_.end()) at->second.on_have(now, from, *have, out);
    return {};
  }
  if (header.type == MessageType::kChunkData) {
    const Result<ChunkData> data = read_chunk_data(message);
    if (!data) return on_malformed(now, from, data.error(), out);
    const auto at = fetches_.find(data->blob);
    if (at != fetches_.end()) at->second.on_data(now, from, *data, out);
    return {};
  }
  return fail(ErrorCode::kMalformed, "a message of this type is not for one who fetches chunks");
}

Status ChunkClient::on_malformed(Time now, const NodeId& from, Error error, Outbox& out) {
  for (auto& [id, fetch] : fetches_) fetch.on_malformed(now, from, out);
  return tl::unexpected<Error>(std::move(error));
}

void ChunkClient::on_lost(Time now, const NodeId& peer, Outbox& out) {
  for (auto& [id, fetch] : fetches_) fetch.on_lost(now, peer, out);
}

void ChunkClient::on_timer(Time now, Outbox& out) {
  for (auto& [id, fetch] : fetches_) fetch.on_timer(now, out);
}

Time ChunkClient::next_timer() const {
  Time next = kNever;
  for (const auto& [id, fetch] : fetches_) next = std::min(next, fetch.next_timer());
  return next;
}

std::vector<FetchResult> ChunkClient::take_results() {
  std::vector<FetchResult> results;
  for (auto at = fetches_.begin(); at != fetches_.end();) {
    const auto current = at++;
    if (!current->second.outcome()) continue;
    results.push_back({current->first, *current->second.outcome(), current->second.stats()});
    fetches_.erase(current);
  }
  return results;
}

const ChunkFetch* ChunkClient::find(const BlobId& blob) const {
  const auto at = fetches_.find(blob);
  return at == fetches_.end() ? nullptr : &at->second;
}

}  // namespace zswarm::bus
