#include "node/dispatch/entry.h"

#include <fmt/format.h>

#include <algorithm>

namespace zswarm::node {

namespace {

// A timer that is this late shows that this process did not run: nobody is to blame for silence.
constexpr bus::Duration kStandstill = std::chrono::seconds(1);

double seconds_of(bus::Duration d) {
  return static_cast<double>(d.count()) * 1e-6;
}

std::string_view phase_name(const Try& run) {
  if (run.any_token || run.pace.phase() == Progress::Phase::kDecode) return "decode";
  return run.pace.phase() == Progress::Phase::kPrefill ? "prefill" : "its queue";
}

}  // namespace

Entry::Entry(const EntryConfig& config, bus::Random& random)
    : config_(config),
      random_(random),
      retries_(config.retries),
      failovers_(config.failovers),
      traces_(config.traces_max) {}

Result<StreamId> Entry::open(bus::Time now, EntryRequest request) {
  auto stream = admit(now, std::move(request));
  stream ? ++stats_.opened : ++stats_.refused;
  settle(now);
  return stream;
}

Result<StreamId> Entry::admit(bus::Time now, EntryRequest request) {
  retry_after_ = bus::Duration(0);
  if (request.what.prompt.empty())
    return fail(ErrorCode::kInvalidArgument, "the prompt is empty: give at least one token", "prompt");
  if (request.deadline <= bus::Duration(0))
    return fail(ErrorCode::kDeadline, "the deadline has passed already: give the request more time");
  if (table_.serving(request.model, request.labels, 1) == 0) {
    const bool other = !request.labels.empty() && table_.serving(request.model, {}, 1) > 0;
    return fail(ErrorCode::kNotFound,
                other ? "no node with the labels that the request requires serves this model"
                      : "no node of the network serves this model",
                "model");
  }
  if (streams_.size() >= config_.streams_max) {
    retry_after_ = FairQueue::kRetryMin;
    return fail(ErrorCode::kUnavailable,
                fmt::format("this entry has {} requests in hand already: try again later", streams_.size()));
  }
  const StreamId id = ++last_stream_;
  EntryStream& stream = streams_[id];
  stream.id = stream.trace.stream = id;
  stream.wants = {request.model, std::move(request.labels)};
  stream.what = std::move(request.what);
  stream.owner = std::move(request.owner);
  stream.vocab_size = request.vocab_size;
  stream.opened = now;
  stream.deadline = now + request.deadline;
  if (!stream.what.delivered.empty()) stream.logprobs_told.reset();  // the client knows, we do not
  note(now, stream, TraceStep::What::kOpened, {}, {});
  if (Status placed = enqueue(now, stream, request.priority); !placed) {
    streams_.erase(id);
    return fail(std::move(placed.error()));
  }
  retries_.on_request();
  failovers_.on_request();
  arm(stream);
  return id;
}

void Entry::cancel(bus::Time now, StreamId id) {
  const auto at = streams_.find(id);
  if (at == streams_.end()) return;
  stats_.cancelled += 1;
  end(now, at->second, Error{ErrorCode::kCancelled, "the request was cancelled", {}});
  settle(now);
}

void Entry::set_reading(bus::Time now, StreamId id, bool reading) {
  const auto at = streams_.find(id);
  if (at == streams_.end() || at->second.reading == reading) return;
  at->second.reading = reading;
  for (Try& run : at->second.tries) reading ? run.pace.resume(now) : run.pace.pause();
  arm(at->second);
}

void Entry::set_nodes(bus::Time now, std::vector<NodeView> nodes) {
  table_.set(now, std::move(nodes));
  room_changed_ = true;
  settle(now);
}

void Entry::set_hint(bus::Time now, const bus::NodeId& node, Hint hint) {
  table_.set_hint(now, node, std::move(hint));
  room_changed_ = true;
  settle(now);
}

/// The stream is gone after this.
void Entry::end(bus::Time now, EntryStream& stream, Event event) {
  for (std::size_t i = stream.tries.size(); i-- > 0;) {
    effects_.emplace_back(StopAttempt{stream.tries[i].id});
    table_.breaker(stream.tries[i].place.node).on_neither(stream.tries[i].probe);
    forget_try(stream, i);
  }
  leave_queue(stream);
  if (stream.armed != bus::kNever) timers_.erase({stream.armed, stream.id});
  const auto* error = std::get_if<Error>(&event);
  note(now, stream, TraceStep::What::kEnded, {}, error != nullptr ? error->message : "finished");
  traces_.add(std::move(stream.trace));
  effects_.emplace_back(Tell{stream.id, std::move(event)});
  streams_.erase(stream.id);
}

void Entry::end_late(bus::Time now, EntryStream& stream) {
  std::string where = "it waited for a node with room";
  if (stream.state == EntryStream::State::kParked) where = "it waited for the budget of retries";
  if (!stream.tries.empty()) {
    const Try& run = stream.tries[0];
    where = fmt::format("node {} had it in {}", run.place.node.text(), phase_name(run));
  }
  const std::uint32_t next = stream.next_token();
  const std::string last =
      next == 0 ? "no token had come" : fmt::format("the last token was number {}", next - 1);
  stats_.failed += 1;
  end(now, stream,
      Error{ErrorCode::kDeadline,
            fmt::format("the request's deadline of {:.3g} s passed: {}, {}",
                        seconds_of(stream.deadline - stream.opened), where, last),
            {}});
}

void Entry::on_timer(bus::Time now) {
  if (!timers_.empty() && now - timers_.begin()->first > kStandstill) {
    for (auto& [id, stream] : streams_) {
      for (Try& run : stream.tries) run.pace.excuse(now), run.hedge_at = bus::kNever;
      arm(stream);
    }
  }
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const StreamId id = timers_.begin()->second;
    timers_.erase(timers_.begin());
    EntryStream& stream = streams_.at(id);
    stream.armed = bus::kNever;
    on_stream_timer(now, stream);
    if (const auto at = streams_.find(id); at != streams_.end()) arm(at->second);
  }
  settle(now);
}

void Entry::on_stream_timer(bus::Time now, EntryStream& stream) {
  if (now >= stream.deadline) return end_late(now, stream);
  for (std::size_t i = stream.tries.size(); i-- > 0;) {
    const Try& run = stream.tries[i];
    if (now < run.pace.stalls_at()) continue;
    stats_.stalls += 1;
    const std::string what =
        fmt::format("no progress in {} for {:.3g} s", phase_name(run), seconds_of(run.pace.bound()));
    const StreamId id = stream.id;
    lose(now, stream, i, {.error = {ErrorCode::kUnavailable, what, {}}, .fault = Fault::kNode, .stop = true});
    if (!streams_.contains(id)) return;
  }
  if (stream.tries.size() == 1 && stream.tries[0].hedge_at <= now) hedge(now, stream);
  if (stream.state == EntryStream::State::kParked && stream.retry_at <= now) {
    resume(now, stream, {ErrorCode::kUnavailable, "no budget for another try", {}});
  }
}

/// Sees to it that on_timer() comes to the stream in time. A timer that is too early is not moved: when it
/// fires, it is set again.
void Entry::arm(EntryStream& stream) {
  bus::Time wake = stream.deadline;
  if (stream.state == EntryStream::State::kParked) wake = std::min(wake, stream.retry_at);
  for (const Try& run : stream.tries) wake = std::min({wake, run.pace.stalls_at(), run.hedge_at});
  if (wake >= stream.armed) return;
  if (stream.armed != bus::kNever) timers_.erase({stream.armed, stream.id});
  stream.armed = wake;
  timers_.emplace(wake, stream.id);
}

bus::Time Entry::next_timer() const {
  return timers_.empty() ? fill_at_ : std::min(fill_at_, timers_.begin()->first);
}

const Trace* Entry::trace_of(StreamId id) const {
  const auto at = streams_.find(id);
  return at != streams_.end() ? &at->second.trace : traces_.find(id);
}

std::size_t Entry::waiting() const {
  std::size_t count = 0;
  for (const auto& [id, stream] : streams_) count += stream.tries.empty() ? 1 : 0;
  return count;
}

}  // namespace zswarm::node
