// Tries of an entry: where they begin, how they are lost, and who waits for the next.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernels/model/kv_cache.h"
#include "node/dispatch/entry.h"

namespace zswarm::node {

namespace {

// A node that failed for a request is left out by it for so long, twice as long for each try since its last
// token.
constexpr bus::Duration kExcludedMin = std::chrono::milliseconds(500);
constexpr std::uint32_t kExcludedDoublings = 6;
// Waiting requests are looked at again so often: times of exclusion and quarantine run out without an event.
constexpr bus::Duration kFillEvery = std::chrono::milliseconds(100);
constexpr bus::Duration kParkMin = std::chrono::milliseconds(1);
// Of those that wait to go on, so many are looked at in one turn: others may be excluded where there is room.
constexpr std::size_t kResumingLook = 8;
constexpr std::size_t kClassesMax = 64;
// A hedge comes when the first token is later than nearly all are.
constexpr double kHedgeDeviations = 4, kStallDeviations = 8;
constexpr bus::Duration kHedgeMin = std::chrono::milliseconds(100);

bus::Duration of_seconds(double s) {
  return bus::Duration(static_cast<std::int64_t>(std::clamp(s, 0.0, 86'400.0) * 1e6));
}

}  // namespace

double Entry::expected_answer(const EntryStream& stream) const {
  double tokens = answer_mean_;
  if (stream.what.max_tokens) tokens = std::min<double>(tokens, *stream.what.max_tokens);
  return std::max(1.0, tokens - static_cast<double>(stream.what.delivered.size()));
}

/// Begins a try at the best node that may take it; false if there is none.
bool Entry::place(bus::Time now, EntryStream& stream, bool hedge) {
  if (!stream.chain) stream.chain = page_chain(stream.wants.first, stream.what.prompt);
  const auto recent = recent_.find(now, *stream.chain);
  const double prompt = static_cast<double>(stream.what.prompt.size());
  const NodeTable::Wish wish{stream.wants.first, stream.wants.second,
                             [&](const bus::NodeId& id) {
                               const auto excluded = stream.excluded.find(id);
                               return (excluded != stream.excluded.end() && now < excluded->second) ||
                                      stream.refusing.contains(id) ||
                                      std::any_of(stream.tries.begin(), stream.tries.end(),
                                                  [&](const Try& t) { return t.place.node == id; });
                             },
                             [&](const bus::NodeId& id, const PrefixDigest* digest) {
                               std::uint32_t pages = digest == nullptr ? 0 : overlap(*digest, *stream.chain);
                               for (const auto& found : recent)
                                 if (found.node == id) pages = std::max(pages, found.pages);
                               return std::min(static_cast<double>(pages) * model::kPageTokens, prompt - 1);
                             }};
  table_.candidates(now, wish, candidates_);
  if (candidates_.empty()) return false;
  const Ask ask{prompt + static_cast<double>(stream.what.delivered.size()), expected_answer(stream)};
  const auto chosen = choose(config_.strategy, ask, candidates_, turn_, random_, estimates_);
  if (!chosen) return false;
  start(now, stream, candidates_[chosen->index], chosen->estimate, hedge);
  return true;
}

void Entry::start(bus::Time now, EntryStream& stream, const Candidate& at, const Estimate& estimate,
                  bool hedge) {
  const AttemptId id = ++last_attempt_;
  const PlaceKey place{stream.wants.first, at.id};
  const auto tokens = static_cast<std::uint32_t>(
      std::max(1.0, static_cast<double>(stream.what.prompt.size()) - at.cached_tokens));
  const bool probe = table_.started(now, place, id, tokens);
  stream_of_.emplace(id, stream.id);
  recent_.note(now, *stream.chain, at.id);
  const double expected_s = estimate.first_token_s();
  const double usual = std::max(1.0, late_mean_ + kStallDeviations * late_deviation_);
  Try run{.id = id,
          .place = place,
          .pace = Pace(now, of_seconds(expected_s * usual), of_seconds(estimate.gap_s)),
          .started = now,
          .hedge_at = bus::kNever,
          .expected_s = expected_s,
          .plain_expected_s = estimate.link_s + (estimate.queue_s + estimate.prefill_s) / at.lateness,
          .probe = probe};
  if (!hedge) {
    const double late = std::max(1.0, late_mean_ + kHedgeDeviations * late_deviation_);
    run.hedge_at = now + of_seconds(expected_s * late) + kHedgeMin;
  }
  if (!stream.reading) run.pace.pause();
  StartAttempt effect{id, at.id, stream.wants.first, stream.what, stream.deadline - now};
  effect.what.score_prompt = stream.what.score_prompt && !stream.scored_told && stream.what.delivered.empty();
  run.scores_due = effect.what.score_prompt;
  effects_.emplace_back(std::move(effect));
  stream.tries.push_back(std::move(run));
  stream.state = EntryStream::State::kRunning;
  stream.owes = EntryStream::Owes::kNothing;
  stream.tries_made += 1;
  stats_.tries += 1;

  const auto what = hedge ? TraceStep::What::kHedged : TraceStep::What::kChosen;
  note(now, stream, what, at.id, std::string(strategy_name(config_.strategy)));
  auto& seen = stream.trace.steps.back().candidates;
  for (std::size_t i = 0; i < candidates_.size(); ++i) seen.push_back({candidates_[i].id, estimates_[i]});
  const std::size_t most = std::min(seen.size(), Trace::kSeen);
  std::partial_sort(seen.begin(), seen.begin() + static_cast<std::ptrdiff_t>(most), seen.end(),
                    [&](const auto& a, const auto& b) {
                      return std::pair(a.node != at.id, a.estimate.total_s()) <
                             std::pair(b.node != at.id, b.estimate.total_s());
                    });
  seen.resize(most);
  arm(stream);
}

/// The caller has told the breaker.
void Entry::forget_try(EntryStream& stream, std::size_t at) {
  const Try& run = stream.tries[at];
  table_.ended(run.place, run.id);
  stream_of_.erase(run.id);
  stream.tries.erase(stream.tries.begin() + static_cast<std::ptrdiff_t>(at));
  room_changed_ = true;
}

/// The stream may be gone after this.
void Entry::lose(bus::Time now, EntryStream& stream, std::size_t at, Loss loss) {
  const Try run = stream.tries[at];
  if (loss.stop) effects_.emplace_back(StopAttempt{run.id});
  Breaker& breaker = table_.breaker(run.place.node);
  loss.fault == Fault::kNode ? breaker.on_failure(now, run.probe, random_) : breaker.on_neither(run.probe);
  forget_try(stream, at);
  if (loss.busy) {
    table_.busy(now, run.place);
    stream.tries_made -= 1;  // its wait costs nobody anything
  } else {
    const std::uint32_t doublings = std::min(stream.tries_made, kExcludedDoublings);
    std::erase_if(stream.excluded, [&](const auto& e) { return e.second <= now; });
    stream.excluded[run.place.node] = now + kExcludedMin * (1 << doublings);
    recent_.forget(*stream.chain, run.place.node);
    if (run.begun && !run.any_token) stream.fruitless += 1;
  }
  note(now, stream, TraceStep::What::kLost, run.place.node, loss.error.message);
  if (!stream.tries.empty()) return;  // its hedge goes on
  // A node that is full has cost nothing. One that is certainly lost cannot be stormed.
  if (!loss.busy)
    stream.owes = stream.any_told || loss.gone ? EntryStream::Owes::kFailover : EntryStream::Owes::kRetry;
  resume(now, stream, loss.error);
}

/// A stream without a try gets the next, or waits for it. It may be gone after this.
void Entry::resume(bus::Time now, EntryStream& stream, const Error& last) {
  if (stream.fruitless >= config_.fruitless_max || stream.tries_made >= config_.tries_max) {
    stats_.failed += 1;
    return end(now, stream,
               Error{ErrorCode::kUnavailable,
                     fmt::format("{} tries in a row brought no token after token {}; the last one: {}",
                                 stream.tries_made, stream.next_token(), last.message),
                     {}});
  }
  using Owes = EntryStream::Owes;
  if (stream.owes != Owes::kNothing) {
    const bool failover = stream.owes == Owes::kFailover;
    Budget& budget = failover ? failovers_ : retries_;
    if (!budget.take(now)) {
      stream.state = EntryStream::State::kParked;
      stream.retry_at = std::max(budget.ready_at(now), now + kParkMin);
      note(now, stream, TraceStep::What::kWaits, {}, "for the budget of retries");
      return arm(stream);
    }
    failover ? ++stats_.failovers : ++stats_.retries;
    stream.owes = Owes::kNothing;
  }
  if (!place(now, stream, false))
    wait_for_room(stream), note(now, stream, TraceStep::What::kWaits, {}, "for room");
}

void Entry::hedge(bus::Time now, EntryStream& stream) {
  stream.tries[0].hedge_at = bus::kNever;
  if (!stream.reading || retries_.ready_at(now) > now || !place(now, stream, true)) return;
  (void)retries_.take(now);  // there is one, as was asked
  stats_.hedges += 1;
}

WaitingClass& Entry::class_of(const ClassKey& key) {
  const auto at = classes_.find(key);
  if (at != classes_.end()) return at->second;
  if (classes_.size() >= kClassesMax)
    std::erase_if(classes_,
                  [](const auto& c) { return c.second.resuming.empty() && c.second.queue.size() == 0; });
  return classes_.emplace(key, WaitingClass{{}, FairQueue(config_.queue_max), {}}).first->second;
}

/// A new stream: it begins at once if nobody waits before it and there is room.
Status Entry::enqueue(bus::Time now, EntryStream& stream, std::uint8_t priority) {
  WaitingClass& waiting = class_of(stream.wants);
  if (waiting.resuming.empty() && waiting.queue.size() == 0 && place(now, stream, false)) return {};
  const double tokens = static_cast<double>(stream.what.prompt.size()) + expected_answer(stream);
  Status queued = waiting.queue.push(now, {stream.id, stream.owner, priority, tokens}, stream.deadline - now);
  if (!queued) {
    retry_after_ = waiting.queue.retry_after(now, stream.owner, tokens);
    return queued;
  }
  note(now, stream, TraceStep::What::kQueued, {}, fmt::format("{} wait", waiting.queue.size()));
  room_changed_ = true;
  return {};
}

void Entry::wait_for_room(EntryStream& stream) {
  stream.state = EntryStream::State::kResuming;
  class_of(stream.wants).resuming.push_back(stream.id);
  room_changed_ = true;
}

void Entry::leave_queue(EntryStream& stream) {
  if (stream.state == EntryStream::State::kQueued) class_of(stream.wants).queue.remove(stream.id);
  if (stream.state == EntryStream::State::kResuming) std::erase(class_of(stream.wants).resuming, stream.id);
}

/// Whoever waits gets what room there is. At the end of each call from outside.
void Entry::settle(bus::Time now) {
  if (!room_changed_ && now < fill_at_) return;
  room_changed_ = false;
  fill_at_ = bus::kNever;
  for (auto& [key, waiting] : classes_) {
    if (waiting.resuming.empty() && waiting.queue.size() == 0) continue;
    if (table_.serving(key.first, key.second, 1) > 0) {
      waiting.orphaned.reset();
      fill(now, waiting);
    } else {
      if (!waiting.orphaned) waiting.orphaned = now;
      if (now - *waiting.orphaned >= config_.orphaned_max) end_orphans(now, waiting);
    }
    if (!waiting.resuming.empty() || waiting.queue.size() > 0) fill_at_ = now + kFillEvery;
  }
  room_changed_ = false;
}

void Entry::fill(bus::Time now, WaitingClass& waiting) {
  // Those that have begun come first; one that may not go where there is room does not hold up the next.
  for (std::size_t look = std::min(waiting.resuming.size(), kResumingLook); look-- > 0;) {
    const StreamId id = waiting.resuming.front();
    waiting.resuming.pop_front();
    if (!place(now, streams_.at(id), false)) waiting.resuming.push_back(id);
  }
  if (waiting.resuming.size() >= kResumingLook) return;
  while (const auto front = waiting.queue.front()) {
    if (!place(now, streams_.at(*front), false)) return;
    waiting.queue.pop(now);
  }
}

void Entry::end_orphans(bus::Time now, WaitingClass& waiting) {
  while (!waiting.resuming.empty() || waiting.queue.size() > 0) {
    const StreamId id = waiting.resuming.empty() ? *waiting.queue.front() : waiting.resuming.front();
    stats_.failed += 1;
    end(now, streams_.at(id),
        Error{ErrorCode::kUnavailable, "the last node of the network that served this model has gone", {}});
  }
}

void Entry::note(bus::Time now, EntryStream& stream, TraceStep::What what, const bus::NodeId& node,
                 std::string text) {
  stream.trace.add({what, now, node, stream.next_token(), std::move(text), {}});
}

}  // namespace zswarm::node
