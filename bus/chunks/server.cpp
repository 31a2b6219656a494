#include "bus/chunks/server.h"

#include <algorithm>

namespace zswarm::bus {

void ChunkServer::offer(std::shared_ptr<BlobStore> store) {
  const BlobId id = store->manifest().id();
  stores_[id] = std::move(store);
}

void ChunkServer::withdraw(const BlobId& blob) {
  stores_.erase(blob);
}

BlobStore* ChunkServer::store_of(const BlobId& blob) const {
  const auto at = stores_.find(blob);
  return at == stores_.end() ? nullptr : at->second.get();
}

ChunkServer::Peer* ChunkServer::peer_of(Time now, const NodeId& from) {
  const auto at = peers_.find(from);
  if (at != peers_.end()) return &at->second;
  if (peers_.size() >= config_.peers_max) return nullptr;
  due_ = std::min(due_, now + config_.peer_for);
  return &peers_.try_emplace(from, config_).first->second;
}

Status ChunkServer::on_message(Time now, const NodeId& from, const Header& header, ByteView message,
                               Outbox& out) {
  Peer* peer = peer_of(now, from);
  if (peer == nullptr) {
    ++stats_.dropped;
    return fail(ErrorCode::kBusy, "too many nodes fetch from this one already");
  }
  peer->last_heard = now;
  if (header.type == MessageType::kChunkQuery) {
    const Result<ChunkQuery> query = read_chunk_query(message);
    if (!query) return tl::unexpected<Error>(query.error());
    on_query(now, from, *peer, *query, out);
    return {};
  }
  if (header.type == MessageType::kChunkGet) {
    const Result<ChunkGet> get = read_chunk_get(message);
    if (!get) return tl::unexpected<Error>(get.error());
    on_get(now, from, *peer, *get, out);
    return {};
  }
  return fail(ErrorCode::kMalformed, "a message of this type is not for one who has chunks");
}

void ChunkServer::on_query(Time now, const NodeId& from, Peer& peer, const ChunkQuery& query, Outbox& out) {
  if (!peer.answers.take(now, 1)) {
    ++stats_.dropped;
    return;
  }
  ChunkHave have{.blob = query.blob, .error = {}, .count = 0, .first = query.first, .map = {}};
  if (const BlobStore* store = store_of(query.blob)) {
    have.count = store->have().count();
    if (!store->have().complete()) have.map = store->have().bytes(query.first, kMapBytes);
  } else {
    ++stats_.refused;
    have.error = ErrorCode::kNotFound;
  }
  out.send(from, write_message(have));
}

void ChunkServer::on_get(Time now, const NodeId& from, Peer& peer, const ChunkGet& get, Outbox& out) {
  const BlobStore* store = store_of(get.blob);
  for (const std::uint64_t chunk : get.chunks) {
    if (store == nullptr || chunk >= store->manifest().chunks() || !store->have().has(chunk)) {
      refuse(now, from, peer, get.blob, chunk, ErrorCode::kNotFound, out);
    } else if (peer.queue.size() >= config_.queue_per_peer) {
      refuse(now, from, peer, get.blob, chunk, ErrorCode::kBusy, out);
    } else {
      peer.queue.push_back({get.blob, chunk, store->manifest().length(chunk)});
      ++queued_;
    }
  }
  pump(now, out);
}

void ChunkServer::refuse(Time now, const NodeId& to, Peer& peer, const BlobId& blob, std::uint64_t chunk,
                         ErrorCode code, Outbox& out) {
  if (!peer.answers.take(now, 1)) {
    ++stats_.dropped;
    return;
  }
  ++stats_.refused;
  out.send(to,
           write_message(ChunkData{.blob = blob, .chunk = chunk, .error = code, .proof = {}, .data = {}}));
}

void ChunkServer::pump(Time now, Outbox& out) {
  // Rounds in which each peer gets one chunk, until nobody gets any.
  for (bool sent = true; sent && queued_ > 0;) {
    sent = false;
    auto at = last_served_ ? peers_.upper_bound(*last_served_) : peers_.begin();
    for (std::size_t turn = 0; turn < peers_.size(); ++turn, ++at) {
      if (at == peers_.end()) at = peers_.begin();
      if (!at->second.queue.empty() && send_next(now, at->first, at->second, out)) {
        last_served_ = at->first;
        sent = true;
      }
    }
  }
  Time ready = peers_.empty() ? kNever : now + config_.peer_for;
  for (auto& [id, peer] : peers_) {
    if (peer.queue.empty()) continue;
    const std::uint32_t bytes = peer.queue.front().bytes;
    ready = std::min(ready, std::max(peer.bytes.ready_at(now, bytes), bytes_.ready_at(now, bytes)));
  }
  due_ = ready;
}

bool ChunkServer::send_next(Time now, const NodeId& to, Peer& peer, Outbox& out) {
  const Wanted wanted = peer.queue.front();
  if (peer.bytes.ready_at(now, wanted.bytes) > now || !bytes_.take(now, wanted.bytes)) return false;
  (void)peer.bytes.take(now, wanted.bytes);
  peer.queue.pop_front();
  --queued_;
  send_chunk(now, to, peer, wanted, out);
  return true;
}

void ChunkServer::send_chunk(Time now, const NodeId& to, Peer& peer, const Wanted& wanted, Outbox& out) {
  BlobStore* store = store_of(wanted.blob);
  if (store == nullptr) return refuse(now, to, peer, wanted.blob, wanted.chunk, ErrorCode::kNotFound, out);
  Result<Bytes> data = store->chunk(wanted.chunk);
  Result<Bytes> proof = store->proof(wanted.chunk);
  // Checked before it goes out: whoever sends a wrong chunk is dropped for good, and a disk may have lost
  // bits.
  if (!data || !proof || !verify_chunk(store->manifest(), store->shape(), wanted.chunk, *data, *proof)) {
    ++stats_.read_errors;
    return refuse(now, to, peer, wanted.blob, wanted.chunk, ErrorCode::kIo, out);
  }
  ++stats_.chunks;
  stats_.bytes += data->size();
  out.send(to, write_message(ChunkData{.blob = wanted.blob,
                                       .chunk = wanted.chunk,
                                       .error = {},
                                       .proof = std::move(*proof),
                                       .data = std::move(*data)}));
}

void ChunkServer::on_lost(Time, const NodeId& peer) {
  const auto at = peers_.find(peer);
  if (at == peers_.end()) return;
  queued_ -= at->second.queue.size();
  at->second.queue.clear();  // its buckets stay: a connection made anew is no new allowance
}

void ChunkServer::on_timer(Time now, Outbox& out) {
  if (now < due_) return;
  std::erase_if(peers_, [&](const auto& entry) {
    return entry.second.queue.empty() && now - entry.second.last_heard >= config_.peer_for;
  });
  pump(now, out);
}

}  // namespace zswarm::bus
