#include "bus/service/client.h"

#include <algorithm>

namespace zswarm::bus {
namespace {

std::string seconds(Duration d) {
  return std::to_string(d.count() / 1'000'000) + " s";
}

}  // namespace

ServiceClient::ServiceClient(const ClientConfig& config, std::uint64_t incarnation, Random& random)
    : config_(config), incarnation_(incarnation), last_id_(static_cast<std::uint32_t>(random.next())) {}

Status ServiceClient::check(const ServiceCall& call) const {
  if (call.service.empty() || call.service.size() > kServiceNameBytes)
    return fail(ErrorCode::kRefused, "a service's name has 1 to 64 bytes");
  if (call.payload.size() > kRequestPayloadBytes)
    return fail(ErrorCode::kTooLarge,
                "a request's payload is over 512 KiB: send the rest as frames beside it");
  if (!frames_fit(call.frames))
    return fail(ErrorCode::kTooLarge, "a request has more than 16 frames, or one over 512 KiB");
  if (call.deadline.count() < 1 || call.deadline.count() > kDeadlineMs)
    return fail(ErrorCode::kRefused, "a deadline is between 1 ms and a day from now");
  if (call.window.events < 1 || call.window.events > kWindowEvents || call.window.bytes < kEventBytes ||
      call.window.bytes > kWindowBytes) {
    return fail(ErrorCode::kRefused,
                "a stream's window is between one event of 256 KiB and 65,536 events of "
                "64 MiB together");
  }
  if (streams_.size() >= config_.calls_max)
    return fail(ErrorCode::kBusy, "this node waits for too many answers already: try again later");
  return {};
}

Result<std::uint32_t> ServiceClient::call(Time now, const NodeId& to, ServiceCall call, Outbox& out) {
  if (const Status checked = check(call); !checked) return tl::unexpected<Error>(checked.error());
  do {
    ++last_id_;
  } while (last_id_ == 0 || streams_.contains(last_id_));
  const std::uint32_t id = last_id_;
  if (streams_.empty()) due_ = now + config_.tick;
  Stream& stream = streams_[id];
  stream.to = to;
  stream.deadline = now + call.deadline;
  stream.last_heard = stream.last_sent = now;
  stream.window = stream.granted = stream.told = call.window;
  stream.request = write_request(id, {.incarnation = incarnation_,
                                      .service = std::move(call.service),
                                      .deadline_ms = static_cast<std::uint32_t>(call.deadline.count()),
                                      .priority = call.priority,
                                      .credit = call.window,
                                      .payload = std::move(call.payload)});
  stream.frames = std::move(call.frames);
  out.send(to, stream.request, Lane::kDispatch, stream.frames);
  ++stats_.calls;
  return id;
}

void ServiceClient::grant(Time now, std::uint32_t id, const Credit& more, Outbox& out) {
  const auto at = streams_.find(id);
  if (at == streams_.end()) return;
  Stream& s = at->second;
  // The totals stay within the limit of what was received, so neither sum can wrap around.
  s.granted.events += std::min(more.events, s.received.events + kWindowEvents - s.granted.events);
  s.granted.bytes += std::min(more.bytes, s.received.bytes + kWindowBytes - s.granted.bytes);
  tell_if_low(now, id, s, out);
}

void ServiceClient::tell_if_low(Time now, std::uint32_t id, Stream& s, Outbox& out) {
  // Told before the sender could run dry: half a window is left, and room for one event of any size.
  const bool low =
      s.told.events - s.received.events <= s.window.events / 2 ||
      s.told.bytes - s.received.bytes <= std::max<std::uint64_t>(s.window.bytes / 2, kEventBytes);
  if (s.answered && low && s.granted != s.told) tell(now, id, s, MessageType::kCredit, out);
}

void ServiceClient::tell(Time now, std::uint32_t id, Stream& stream, MessageType type, Outbox& out) {
  stream.told = stream.granted;
  stream.last_sent = now;
  out.send(stream.to, write_credit(type, id, stream.told), Lane::kDispatch);
}

void ServiceClient::cancel(Time, std::uint32_t id, Outbox& out) {
  if (streams_.contains(id)) stop(id, {ErrorCode::kCancelled, "the caller cancelled the request"}, out);
}

Status ServiceClient::on_message(Time now, const NodeId& from, const Header& header, ByteView message,
                                 std::vector<Bytes> frames, Outbox& out) {
  const std::uint32_t id = header.request_id;
  const auto at = streams_.find(id);
  if (at == streams_.end() || at->second.to != from) {
    ++stats_.strays;
    return {};
  }
  Stream& stream = at->second;
  stream.last_heard = now;
  if (!stream.answered) {
    stream.answered = true;
    stream.request = {};
    stream.frames = {};
  }
  switch (header.type) {
    case MessageType::kEvent:
      return on_event(now, id, stream, message, std::move(frames), out);
    case MessageType::kEnd:
      return on_end(id, stream, message);
    case MessageType::kAlive:
      return on_alive(id, stream, message, out);
    default:
      return fail(ErrorCode::kMalformed, "a message of this type is not for a caller");
  }
}

Status ServiceClient::on_event(Time now, std::uint32_t id, Stream& stream, ByteView message,
                               std::vector<Bytes> frames, Outbox& out) {
  Result<EventMessage> event = read_event(message);
  if (!event) return breach(id, event.error(), out);
  if (event->number < stream.received.events) {
    ++stats_.duplicates;
    return {};
  }
  if (event->number > stream.received.events) return lost_events(id, out), Status();
  const std::size_t bytes = event_bytes(event->payload, frames);
  if (!frames_fit(frames) || bytes > kEventBytes)
    return breach(id, {ErrorCode::kMalformed, "an event of the node is larger than the protocol allows"},
                  out);
  if (stream.received.events == stream.told.events || bytes > stream.told.bytes - stream.received.bytes)
    return breach(id, {ErrorCode::kRefused, "the node sent more than it was allowed to"}, out);
  ++stream.received.events;
  stream.received.bytes += bytes;
  deliveries_.push_back(StreamEvent{id, event->number, std::move(event->payload), std::move(frames)});
  tell_if_low(now, id, stream, out);
  return {};
}

Status ServiceClient::on_end(std::uint32_t id, Stream& stream, ByteView message) {
  Result<EndMessage> ended = read_end(message);
  const std::uint64_t received = stream.received.events;
  if (!ended || (!ended->error && ended->events < received)) {
    ++stats_.breaches;
    const Error error{ErrorCode::kMalformed, "the node's end of the stream contradicts its events"};
    end(id, error);
    return tl::unexpected<Error>(error);
  }
  if (!ended->error && ended->events > received) {
    end(id, Error{ErrorCode::kUnreachable, "events were lost with a connection to the node"});
  } else {
    end(id, std::move(ended->error), std::move(ended->trailer));
  }
  return {};
}

Status ServiceClient::on_alive(std::uint32_t id, Stream& stream, ByteView message, Outbox& out) {
  const Result<std::uint64_t> events = read_alive(message);
  if (!events) return breach(id, events.error(), out);
  // Sent after its events on the same connection: what has not come by now, will not.
  if (*events > stream.received.events) lost_events(id, out);
  return {};
}

void ServiceClient::end(std::uint32_t id, std::optional<Error> error, Bytes trailer) {
  streams_.erase(id);
  if (streams_.empty()) due_ = kNever;
  deliveries_.push_back(StreamEnd{id, std::move(error), std::move(trailer)});
}

void ServiceClient::stop(std::uint32_t id, Error error, Outbox& out) {
  out.send(streams_.at(id).to, write_cancel(id), Lane::kDispatch);
  end(id, std::move(error));
}

Status ServiceClient::breach(std::uint32_t id, Error error, Outbox& out) {
  ++stats_.breaches;
  stop(id, error, out);
  return tl::unexpected<Error>(std::move(error));
}

void ServiceClient::lost_events(std::uint32_t id, Outbox& out) {
  stop(id, {ErrorCode::kUnreachable, "events were lost with a connection to the node"}, out);
}

void ServiceClient::on_lost(Time, const NodeId& peer) {
  std::vector<std::uint32_t> ended;
  for (const auto& [id, stream] : streams_) {
    if (stream.to == peer) ended.push_back(id);
  }
  for (const std::uint32_t id : ended) end(id, Error{ErrorCode::kUnreachable, "the node has gone"});
}

void ServiceClient::on_timer(Time now, Outbox& out) {
  if (now < due_) return;
  if (now - due_ > config_.stall) {
    for (auto& [id, stream] : streams_) stream.last_heard = now;
  }
  due_ = now + config_.tick;
  for (auto at = streams_.begin(); at != streams_.end();) {
    const auto current = at++;  // step() may end it
    step(now, current->first, current->second, out);
  }
}

void ServiceClient::step(Time now, std::uint32_t id, Stream& stream, Outbox& out) {
  if (now >= stream.deadline) {
    stop(id, {ErrorCode::kDeadline, "the answer took longer than the request allowed"}, out);
  } else if (now - stream.last_heard >= config_.silence_max) {
    stop(id, {ErrorCode::kUnreachable, "no sign of life from the node for " + seconds(config_.silence_max)},
         out);
  } else if (!stream.answered && now - stream.last_sent >= config_.retry_after) {
    ++stats_.retries;
    stream.last_sent = now;
    out.send(stream.to, stream.request, Lane::kDispatch, stream.frames);
  } else if (stream.answered && now - stream.last_sent >= config_.beat_every) {
    tell(now, id, stream, MessageType::kBeat, out);
  }
}

Time ServiceClient::next_timer() const {
  return due_;
}

}  // namespace zswarm::bus
