// What nodes say, and what becomes of it.
#include <algorithm>
#include <cmath>

#include "node/dispatch/entry.h"

namespace zswarm::node {

namespace {

// A node's clock may be a little ahead of ours.
constexpr bus::Duration kDeadlineSlack = std::chrono::seconds(1);

double to_seconds(bus::Duration d) {
  return static_cast<double>(d.count()) * 1e-6;
}

bool is_over(const Event& event) {
  return std::holds_alternative<Finished>(event) || std::holds_alternative<Error>(event);
}

}  // namespace

EntryStream* Entry::find(AttemptId attempt, std::size_t& at) {
  const auto id = stream_of_.find(attempt);
  if (id == stream_of_.end()) return nullptr;
  EntryStream& stream = streams_.at(id->second);
  at = 0;
  while (stream.tries[at].id != attempt) ++at;
  return &stream;
}

void Entry::on_event(bus::Time now, AttemptId attempt, Event event) {
  std::size_t at = 0;
  EntryStream* stream = find(attempt, at);
  if (stream == nullptr) return;
  if (auto* error = std::get_if<Error>(&event)) return on_failed(now, attempt, std::move(*error));
  const Told told = stream->told(stream->tries[at]);
  Status sound;
  if (const auto* scored = std::get_if<PromptScored>(&event)) sound = check_scored(told, *scored);
  if (const auto* delta = std::get_if<Delta>(&event)) sound = check_delta(told, *delta);
  if (const auto* finished = std::get_if<Finished>(&event)) sound = check_finished(told, *finished);
  stream->tries[at].begun = true;
  if (!sound) {
    stats_.faults += 1;
    lose(now, *stream, at,
         {.error = std::move(sound.error()), .fault = Fault::kNode, .stop = !is_over(event)});
    return settle(now);
  }
  wins(now, *stream, attempt);  // it is the only try now
  Try& run = stream->tries[0];
  if (auto* delta = std::get_if<Delta>(&event)) {
    take_delta(now, *stream, run, std::move(*delta));
  } else if (const auto* finished = std::get_if<Finished>(&event)) {
    take_finished(now, *stream, 0, *finished);
  } else {
    run.scores_due = false;
    run.pace.excuse(now);  // it works
    stream->scored_told = stream->any_told = true;
    effects_.emplace_back(Tell{stream->id, std::move(event)});
    arm(*stream);
  }
  settle(now);
}

void Entry::take_delta(bus::Time now, EntryStream& stream, Try& run, Delta delta) {
  if (!run.any_token) {
    run.any_token = true;
    const double seen_s = to_seconds(now - run.started);
    table_.first_token(run.place, seen_s, run.plain_expected_s);
    const double late = std::min(seen_s / std::max(run.expected_s, 0.01), NodeTable::kLatenessMax);
    late_deviation_ += (std::abs(late - late_mean_) - late_deviation_) / 16;
    late_mean_ += (late - late_mean_) / 32;
    note(now, stream, TraceStep::What::kFirstToken, run.place.node, {});
  }
  run.hedge_at = bus::kNever;
  run.pace.on_tokens(now);
  stream.what.delivered.insert(stream.what.delivered.end(), delta.tokens.begin(), delta.tokens.end());
  if (stream.logprobs_told) *stream.logprobs_told += static_cast<std::uint32_t>(delta.logprobs.size());
  stream.any_told = true;
  stream.tries_made = stream.fruitless = 0;
  stream.refusing.clear();
  effects_.emplace_back(Tell{stream.id, std::move(delta)});
  arm(stream);
}

void Entry::take_finished(bus::Time now, EntryStream& stream, std::size_t at, const Finished& finished) {
  Finished told = finished;
  // What a try found in its cache of the tokens delivered before it is no part of the prompt.
  told.cached_tokens = std::min(told.cached_tokens, told.prompt_tokens);
  answer_mean_ += (static_cast<double>(finished.completion_tokens) - answer_mean_) / 32;
  table_.breaker(stream.tries[at].place.node).on_success();
  forget_try(stream, at);
  stats_.finished += 1;
  end(now, stream, told);
}

void Entry::on_beat(bus::Time now, AttemptId attempt, const Progress& progress) {
  std::size_t at = 0;
  EntryStream* stream = find(attempt, at);
  if (stream == nullptr) return;
  stream->tries[at].begun = true;
  stream->tries[at].pace.on_beat(now, progress);
  arm(*stream);
}

void Entry::on_failed(bus::Time now, AttemptId attempt, Error error) {
  std::size_t at = 0;
  if (EntryStream* stream = find(attempt, at)) take_error(now, *stream, at, std::move(error));
  settle(now);
}

void Entry::take_error(bus::Time now, EntryStream& stream, std::size_t at, Error error) {
  const Try& run = stream.tries[at];
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kUnsupported:
    case ErrorCode::kTooLarge:
    case ErrorCode::kContextLength: {
      // The request's own fault, unless a node has taken it before. A second one is asked: the first may have
      // less memory, or lie.
      stream.refusing.insert(run.place.node);
      const std::size_t judges = table_.serving(stream.wants.first, stream.wants.second, 2);
      if (stream.any_told || stream.refusing.size() < judges) break;
      table_.breaker(run.place.node).on_neither(run.probe);
      forget_try(stream, at);
      stats_.failed += 1;
      return end(now, stream, std::move(error));
    }
    case ErrorCode::kDeadline:
      if (now + kDeadlineSlack >= stream.deadline) return end_late(now, stream);
      break;
    case ErrorCode::kCancelled:  // by its node: it ends, or drains
      return lose(now, stream, at, {.error = std::move(error), .gone = true});
    case ErrorCode::kUnavailable:  // full; or, once it had begun, lost
      return lose(now, stream, at, {.error = std::move(error), .gone = run.begun, .busy = !run.begun});
    default:
      break;
  }
  const Fault fault = is_nodes_fault(error.code) ? Fault::kNode : Fault::kNone;
  lose(now, stream, at, {.error = std::move(error), .fault = fault});
}

void Entry::on_gone(bus::Time now, const bus::NodeId& node) {
  table_.remove(node);
  std::vector<AttemptId> lost;
  for (const auto& [id, stream] : streams_)
    for (const Try& run : stream.tries)
      if (run.place.node == node) lost.push_back(run.id);
  for (const AttemptId attempt : lost) {
    std::size_t at = 0;
    if (EntryStream* stream = find(attempt, at))
      lose(now, *stream, at, {.error = {ErrorCode::kUnavailable, "the node is gone", {}}, .gone = true});
  }
  settle(now);
}

/// The first to deliver something goes on alone.
void Entry::wins(bus::Time now, EntryStream& stream, AttemptId winner) {
  if (stream.tries.size() > 1 && stream.tries[1].id == winner) stats_.hedges_won += 1;
  for (std::size_t i = stream.tries.size(); i-- > 0;) {
    const Try& run = stream.tries[i];
    if (run.id == winner) continue;
    effects_.emplace_back(StopAttempt{run.id});
    table_.first_token(run.place, to_seconds(now - run.started), run.plain_expected_s);
    table_.breaker(run.place.node).on_neither(run.probe);
    forget_try(stream, i);
  }
}

}  // namespace zswarm::node
