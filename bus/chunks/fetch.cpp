#include "bus/chunks/fetch.h"

#include <algorithm>

namespace zswarm::bus {
namespace {

constexpr Duration kMeasureEvery = 500ms;
constexpr double kOld = 0.6;  // weight of what was measured before

std::uint64_t or_unlimited(std::uint64_t bytes_per_s) {
  return bytes_per_s == 0 ? std::uint64_t{1} << 40 : bytes_per_s;
}

}  // namespace

ChunkFetch::ChunkFetch(const FetchConfig& config, std::shared_ptr<BlobStore> store, Random& random)
    : config_(config),
      store_(std::move(store)),
      random_(random),
      rate_(or_unlimited(config.bytes_per_s), std::max<std::uint64_t>(config.burst_bytes, kChunkBytesMax)),
      asked_(store_->manifest().chunks()) {}

void ChunkFetch::start(Time now) {
  last_good_ = measured_ = now;
  due_ = now + config_.tick;
  if (store_->have().complete()) end(store_->finish());
}

void ChunkFetch::end(Status outcome) {
  if (outcome_) return;
  outcome_ = std::move(outcome);
  sources_.clear();
  flight_.clear();
  flight_bytes_ = 0;
  asked_twice_ = 0;
}

void ChunkFetch::cancel() {
  if (outcome_) return;
  Status saved = store_->checkpoint();
  end(saved ? Status(fail(ErrorCode::kCancelled, "the fetch was cancelled")) : std::move(saved));
}

// --- Sources ---

Status ChunkFetch::add_source(Time now, const NodeId& source, Outbox& out) {
  if (banned_.contains(source))
    return fail(ErrorCode::kRefused, "this node has sent wrong data for this blob before");
  if (outcome_ || sources_.contains(source)) return {};
  if (sources_.size() >= config_.sources_max)
    return fail(ErrorCode::kBusy, "the fetch has as many sources as it takes");
  Source& added = sources_.try_emplace(source, store_->manifest().chunks(), config_).first->second;
  // Sources begin at different places, so that several who fetch at once soon have something for each other.
  added.cursor = random_.below(store_->manifest().chunks());
  query(now, source, added, 0, out);
  return {};
}

void ChunkFetch::query(Time now, const NodeId& id, Source& source, std::uint64_t first, Outbox& out) {
  source.queried = now;
  if (source.stage != Source::Stage::kReady) {
    source.stage = Source::Stage::kAsked;
    source.due = now + config_.stall;
  }
  out.send(id, write_message(ChunkQuery{store_->manifest().id(), first}));
}

void ChunkFetch::remove_source(Time now, const NodeId& source, Outbox& out) {
  const auto at = sources_.find(source);
  if (at == sources_.end()) return;
  drop(at);
  fill(now, out);
}

void ChunkFetch::drop(Sources::iterator at) {
  release_all(at->second);
  sources_.erase(at);
}

void ChunkFetch::ban(Sources::iterator at) {
  ++stats_.lies;
  banned_.insert(at->first);
  drop(at);
}

void ChunkFetch::pause(Source& source, Time until) {
  release_all(source);
  source.stage = Source::Stage::kPaused;
  source.due = until;
  source.window = config_.window_min;
}

void ChunkFetch::strike(Time now, Sources::iterator at) {
  ++stats_.strikes;
  Source& source = at->second;
  if (++source.strikes >= config_.strikes_max) return drop(at);
  pause(source, now + config_.pause * (1 << std::min(source.strikes - 1, 10u)));
}

void ChunkFetch::release(std::uint64_t chunk) {
  const auto at = flight_.find(chunk);
  if (at == flight_.end()) return;
  if (at->second.askers == 2) --asked_twice_;
  if (--at->second.askers > 0) return;
  flight_bytes_ -= store_->manifest().length(chunk);
  asked_.clear(chunk);
  flight_.erase(at);
}

void ChunkFetch::release_all(Source& source) {
  for (const auto& [chunk, when] : std::exchange(source.asked, {})) {
    release(chunk);
    source.late.push_back(chunk);
  }
  while (source.late.size() > config_.window_max) source.late.pop_front();
}

void ChunkFetch::on_have(Time now, const NodeId& from, const ChunkHave& have, Outbox& out) {
  const auto at = sources_.find(from);
  if (at == sources_.end()) {
    ++stats_.strays;
    return;
  }
  Source& source = at->second;
  if (have.error) {
    if (source.stage == Source::Stage::kAsked) strike(now, at);
    return;
  }
  const std::uint64_t chunks = store_->manifest().chunks();
  if (have.count > chunks) return ban(at);
  if (have.count == chunks) {
    if (!source.has.complete()) source.has.set_all();
  } else {
    source.has.add(have.first, have.map);
    const std::uint64_t next = have.first + have.map.size() * 8;
    if (have.map.size() == kMapBytes && next < chunks) query(now, from, source, next, out);
  }
  if (source.stage == Source::Stage::kAsked) source.stage = Source::Stage::kReady;
  fill(now, out);
}

void ChunkFetch::on_malformed(Time now, const NodeId& from, Outbox& out) {
  const auto at = sources_.find(from);
  if (at == sources_.end()) return;
  ban(at);
  fill(now, out);
}

void ChunkFetch::on_lost(Time now, const NodeId& peer, Outbox& out) {
  const auto at = sources_.find(peer);
  if (at == sources_.end()) return;
  strike(now, at);
  fill(now, out);
}

// --- Chunks that come ---

void ChunkFetch::on_data(Time now, const NodeId& from, const ChunkData& data, Outbox& out) {
  const auto at = sources_.find(from);
  if (at == sources_.end() || data.chunk >= store_->manifest().chunks()) {
    ++stats_.strays;
    if (at != sources_.end()) ban(at);
    return;
  }
  Source& source = at->second;
  if (!source.owes(data.chunk) && !source.forgive(data.chunk)) {
    ++stats_.strays;
    return;
  }
  // Answers come in the order of the requests: what was asked before this one was lost on the way.
  while (source.owes(data.chunk)) {
    const std::uint64_t chunk = source.asked.front().first;
    source.asked.pop_front();
    release(chunk);
  }
  if (data.error) {
    on_refused(now, at, data, *data.error);
  } else if (const auto siblings =
                 verify_chunk(store_->manifest(), store_->shape(), data.chunk, data.data, data.proof)) {
    store_chunk(now, source, data, *siblings);
  } else {
    ban(at);
  }
  if (!outcome_) fill(now, out);
}

void ChunkFetch::on_refused(Time now, Sources::iterator at, const ChunkData& data, ErrorCode code) {
  Source& source = at->second;
  if (code == ErrorCode::kBusy) {
    pause(source, now + config_.busy_pause);
  } else {
    source.has.clear(data.chunk);  // it may have said more than it has, or have lost it
    strike(now, at);
  }
}

void ChunkFetch::store_chunk(Time now, Source& source, const ChunkData& data,
                             const std::vector<TreeNode>& siblings) {
  source.strikes = 0;
  source.last_good = last_good_ = now;
  source.bytes += data.data.size();
  source.recent += data.data.size();
  if (store_->have().has(data.chunk)) {
    ++stats_.duplicates;
    return;
  }
  if (Status stored = store_->put(data.chunk, data.data, siblings); !stored) return end(std::move(stored));
  ++stats_.chunks;
  stats_.bytes += data.data.size();
  unsaved_bytes_ += data.data.size();
  if (store_->have().complete()) return end(store_->finish());
  if (unsaved_bytes_ < config_.checkpoint_bytes) return;
  unsaved_bytes_ = 0;
  if (Status saved = store_->checkpoint(); !saved) end(std::move(saved));
}

// --- Who is asked for what ---

void ChunkFetch::fill(Time now, Outbox& out) {
  if (outcome_ || sources_.empty()) return;
  // A random one first, so that nobody is always the last when little is left.
  auto at = sources_.begin();
  std::advance(at, random_.below(sources_.size()));
  for (std::size_t turn = 0; turn < sources_.size(); ++turn, ++at) {
    if (at == sources_.end()) at = sources_.begin();
    Source& source = at->second;
    while (source.stage == Source::Stage::kReady && source.asked.size() < source.window) {
      std::vector<std::uint64_t> chunks = choose(now, source);
      if (chunks.empty()) break;
      out.send(at->first, write_message(ChunkGet{store_->manifest().id(), std::move(chunks)}));
    }
  }
}

std::vector<std::uint64_t> ChunkFetch::choose(Time now, Source& source) {
  std::vector<std::uint64_t> chunks;
  while (chunks.size() < kChunksPerGet && source.asked.size() < source.window) {
    std::optional<std::uint64_t> chunk = pick(source);
    if (!chunk) chunk = pick_duplicate(source);
    if (!chunk || !may_ask(now, store_->manifest().length(*chunk))) break;
    Flight& flight = flight_[*chunk];
    if (++flight.askers == 1) {
      flight.first = now;
      flight_bytes_ += store_->manifest().length(*chunk);
      asked_.set(*chunk);
    } else {
      ++asked_twice_;
      ++stats_.asked_twice;
    }
    if (source.asked.empty()) source.last_good = now;
    source.asked.emplace_back(*chunk, now);
    source.cursor = *chunk + 1;
    chunks.push_back(*chunk);
  }
  return chunks;
}

bool ChunkFetch::may_ask(Time now, std::uint32_t bytes) {
  return flight_bytes_ + bytes <= config_.in_flight_bytes &&
         (config_.bytes_per_s == 0 || rate_.take(now, bytes));
}

std::optional<std::uint64_t> ChunkFetch::pick(Source& source) {
  const ChunkMap& have = store_->have();
  const std::size_t words = have.words();
  if (source.cursor >= have.chunks()) source.cursor = 0;
  const std::size_t first = source.cursor / 64;
  // The first word is looked at twice: from the cursor on, and at last as a whole.
  for (std::size_t i = 0; i <= words; ++i) {
    const std::size_t word = (first + i) % words;
    std::uint64_t wanted = source.has.word(word) & ~have.word(word) & ~asked_.word(word);
    if (i == 0) wanted &= ~std::uint64_t{0} << (source.cursor % 64);
    if (wanted != 0) return word * 64 + static_cast<std::uint64_t>(std::countr_zero(wanted));
  }
  return std::nullopt;
}

std::optional<std::uint64_t> ChunkFetch::pick_duplicate(const Source& source) const {
  const ChunkMap& have = store_->have();
  if (asked_twice_ >= config_.duplicates_max || flight_.size() < have.chunks() - have.count())
    return std::nullopt;
  std::optional<std::uint64_t> oldest;
  for (const auto& [chunk, flight] : flight_) {
    if (flight.askers != 1 || !source.has.has(chunk) || have.has(chunk) || source.owes(chunk)) continue;
    if (!oldest || flight.first < flight_.at(*oldest).first) oldest = chunk;
  }
  return oldest;
}

// --- Time ---

void ChunkFetch::on_timer(Time now, Outbox& out) {
  if (outcome_ || now < due_) return;
  if (now - due_ > config_.own_stall) {
    last_good_ = now;
    for (auto& [id, source] : sources_) source.last_good = now;
  }
  due_ = now + config_.tick;
  if (now - last_good_ >= config_.give_up) {
    Status saved = store_->checkpoint();
    return end(
        saved ? Status(fail(ErrorCode::kUnreachable, "nobody gave a chunk of the blob for " +
                                                         std::to_string(config_.give_up.count() / 1'000'000) +
                                                         " s: what is there stays, try again later"))
              : std::move(saved));
  }
  if (now - measured_ >= kMeasureEvery) measure(now);
  for (auto at = sources_.begin(); at != sources_.end();) step(now, at++, out);
  fill(now, out);
}

void ChunkFetch::step(Time now, Sources::iterator at, Outbox& out) {
  Source& source = at->second;
  if (source.stage == Source::Stage::kPaused) {
    if (now >= source.due) query(now, at->first, source, 0, out);
  } else if (source.stage == Source::Stage::kAsked) {
    if (now >= source.due) strike(now, at);
  } else if (!source.asked.empty() && now - source.last_good >= config_.stall) {
    strike(now, at);
  } else if (!source.has.complete() && now - source.queried >= config_.query_again) {
    query(now, at->first, source, 0, out);
  }
}

void ChunkFetch::measure(Time now) {
  const double seconds = static_cast<double>((now - measured_).count()) * 1e-6;
  measured_ = now;
  for (auto& [id, source] : sources_) {
    const double rate = static_cast<double>(std::exchange(source.recent, 0)) / seconds;
    // One that had nothing to do shows nothing about its speed.
    if (rate > 0 || !source.asked.empty()) source.rate = kOld * source.rate + (1 - kOld) * rate;
    if (source.stage != Source::Stage::kReady) continue;
    const double ahead = source.rate * static_cast<double>(config_.ahead.count()) * 1e-6;
    const auto chunks = static_cast<std::size_t>(ahead / store_->manifest().chunk_bytes) + 1;
    source.window = std::clamp(chunks, config_.window_min, config_.window_max);
  }
}

double ChunkFetch::bytes_per_s() const {
  double sum = 0;
  for (const auto& [id, source] : sources_) sum += source.rate;
  return sum;
}

}  // namespace zswarm::bus
