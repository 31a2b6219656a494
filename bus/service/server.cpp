#include "bus/service/server.h"

#include <algorithm>

namespace zswarm::bus {
namespace {

constexpr Duration kTidyEvery = 1s;
constexpr std::size_t kRecordTrailerBytes = 1024;

bool has_credit(const Credit& granted, const Credit& sent, std::size_t bytes) {
  return granted.events > sent.events && granted.bytes >= sent.bytes && granted.bytes - sent.bytes >= bytes;
}

tl::unexpected<Error> ended() {
  return fail(ErrorCode::kNotFound, "this call has ended");
}

}  // namespace

Status ServiceServer::offer(const std::string& name, std::size_t calls_max) {
  if (name.empty() || name.size() > kServiceNameBytes)
    return fail(ErrorCode::kRefused, "a service's name has 1 to 64 bytes");
  limits_[name] = calls_max;
  return {};
}

void ServiceServer::withdraw(const std::string& name) {
  limits_.erase(name);
}

// --- What comes in ---

Status ServiceServer::on_message(Time now, const NodeId& from, const Header& header, ByteView message,
                                 std::vector<Bytes> frames, Outbox& out) {
  Peer* peer = peer_of(now, from);
  if (peer == nullptr) {
    ++stats_.dropped;
    return fail(ErrorCode::kBusy, "this node knows too many callers already");
  }
  peer->last_heard = now;
  switch (header.type) {
    case MessageType::kRequest:
      return on_request(now, from, *peer, header.request_id, message, std::move(frames), out);
    case MessageType::kCredit:
    case MessageType::kBeat:
      return on_credit(now, from, *peer, header, message, out);
    case MessageType::kCancel:
      on_cancel(now, *peer, header.request_id, out);
      return {};
    default:
      ++stats_.breaches;
      return fail(ErrorCode::kMalformed, "a message of this type is not for a service");
  }
}

ServiceServer::Peer* ServiceServer::peer_of(Time now, const NodeId& from) {
  const auto at = peers_.find(from);
  if (at != peers_.end()) return &at->second;
  if (peers_.size() >= config_.peers_max) return nullptr;
  if (peers_.empty()) due_ = tidy_at_ = now + kTidyEvery;
  return &peers_.try_emplace(from, config_).first->second;
}

Status ServiceServer::on_request(Time now, const NodeId& from, Peer& peer, std::uint32_t id, ByteView message,
                                 std::vector<Bytes> frames, Outbox& out) {
  if (!peer.requests.take(now, 1)) {
    ++stats_.dropped;
    return {};
  }
  Result<RequestMessage> request = read_request(message);
  if (!request) {
    ++stats_.breaches;
    (void)refuse(now, from, peer, id, request.error(), out);
    return tl::unexpected<Error>(request.error());
  }
  if (!is_current(now, peer, request->incarnation, out)) {
    ++stats_.dropped;
  } else if (peer.seen.seen(id)) {
    ++stats_.duplicates;
    on_duplicate(now, from, peer, id, out);
  } else if (std::optional<Error> reason = reason_to_refuse(peer, *request, frames)) {
    ++stats_.refused;
    // Marked as seen: a second copy must not run after the caller was told that the first one does not.
    const EndMessage end{.events = 0, .error = std::move(reason), .trailer = {}};
    if (refuse(now, from, peer, id, *end.error, out)) {
      peer.seen.mark(id);
      remember(now, peer, id, write_end(id, end));
    }
  } else {
    accept(now, from, peer, id, std::move(*request), std::move(frames));
  }
  return {};
}

bool ServiceServer::is_current(Time now, Peer& peer, std::uint64_t incarnation, Outbox& out) {
  if (incarnation < peer.incarnation) return false;
  if (incarnation > peer.incarnation && peer.incarnation != 0) {
    while (!peer.calls.empty()) {
      abandon(now, calls_.find(peer.calls.begin()->second),
              {ErrorCode::kUnreachable, "the caller has started anew"}, false, out);
    }
    peer.seen = ReplayWindow();
    peer.records.clear();
    peer.record_bytes = 0;
  }
  peer.incarnation = incarnation;
  return true;
}

std::optional<Error> ServiceServer::reason_to_refuse(const Peer& peer, const RequestMessage& request,
                                                     const std::vector<Bytes>& frames) const {
  if (!frames_fit(frames))
    return Error{ErrorCode::kTooLarge, "a request has more than 16 frames, or one over 512 KiB"};
  const auto limit = limits_.find(request.service);
  if (limit == limits_.end()) return Error{ErrorCode::kNotFound, "this node does not offer the service"};
  const auto running = running_.find(request.service);
  if (running != running_.end() ? running->second >= limit->second : limit->second == 0)
    return Error{ErrorCode::kBusy, "the service has as many calls as it takes: try another node, or later"};
  if (peer.calls.size() >= config_.calls_per_peer)
    return Error{ErrorCode::kBusy, "this caller has too many calls at this node: wait for some to end"};
  if (calls_.size() >= config_.calls_max)
    return Error{ErrorCode::kBusy, "this node has too many calls: try another node, or later"};
  const std::size_t bytes = event_bytes(request.payload, frames);
  if (peer.waiting_bytes + bytes > config_.waiting_bytes_per_peer ||
      waiting_bytes_ + bytes > config_.waiting_bytes)
    return Error{ErrorCode::kBusy,
                 "too many bytes of requests wait at this node: try another node, or later"};
  return std::nullopt;
}

void ServiceServer::accept(Time now, const NodeId& from, Peer& peer, std::uint32_t id, RequestMessage request,
                           std::vector<Bytes> frames) {
  const CallId number = ++last_call_;
  Call& call = calls_[number];
  call.from = from;
  call.id = id;
  call.service = request.service;
  call.deadline = now + std::chrono::milliseconds(request.deadline_ms);
  call.last_heard = call.last_sent = now;
  call.granted = request.credit;
  peer.seen.mark(id);
  peer.calls[id] = number;
  ++running_[call.service];
  const std::size_t bytes = event_bytes(request.payload, frames);
  peer.waiting_bytes += bytes;
  waiting_bytes_ += bytes;
  waiting_[number] = {number,           from,          std::move(request.service),
                      request.priority, call.deadline, std::move(request.payload),
                      std::move(frames)};
  due_ = std::min(due_, now + config_.tick);
  ++stats_.calls;
}

void ServiceServer::on_duplicate(Time now, const NodeId& from, Peer& peer, std::uint32_t id, Outbox& out) {
  const auto running = peer.calls.find(id);
  if (running != peer.calls.end()) {
    Call& call = calls_.at(running->second);
    call.last_heard = call.last_sent = now;
    out.send(from, write_alive(id, call.sent.events), Lane::kDispatch);
  } else if (!resend_end(now, from, peer, id, out)) {
    (void)refuse(now, from, peer, id, {ErrorCode::kRefused, "this request was answered before"}, out);
  }
}

Status ServiceServer::on_credit(Time now, const NodeId& from, Peer& peer, const Header& header,
                                ByteView message, Outbox& out) {
  const Result<Credit> total = read_credit(message);
  if (!total) {
    ++stats_.breaches;
    return tl::unexpected<Error>(total.error());
  }
  const std::uint32_t id = header.request_id;
  const auto running = peer.calls.find(id);
  if (running == peer.calls.end()) {
    // A grant may cross the end of its stream; a beat means that the caller still waits for one.
    if (header.type == MessageType::kBeat && !resend_end(now, from, peer, id, out)) {
      (void)refuse(now, from, peer, id,
                   {ErrorCode::kUnreachable, "this node knows of no such call: it may have restarted"}, out);
    }
    return {};
  }
  const auto at = calls_.find(running->second);
  Call& call = at->second;
  call.last_heard = now;
  if (total->events > call.sent.events + kWindowEvents || total->bytes > call.sent.bytes + kWindowBytes) {
    ++stats_.breaches;
    Error error{ErrorCode::kRefused, "a grant is larger than the protocol allows"};
    abandon(now, at, error, true, out);
    return tl::unexpected<Error>(std::move(error));
  }
  const bool was_short = !call.queue.empty() || !has_credit(call.granted, call.sent, kEventBytes);
  call.granted.events = std::max(call.granted.events, total->events);
  call.granted.bytes = std::max(call.granted.bytes, total->bytes);
  const bool open = !call.finishing;
  flush(now, at, out);  // may end a call that is finishing, never an open one
  if (open && was_short && call.queue.empty() && has_credit(call.granted, call.sent, 1))
    roomy_.insert(at->first);
  return {};
}

void ServiceServer::on_cancel(Time now, Peer& peer, std::uint32_t id, Outbox& out) {
  const auto running = peer.calls.find(id);
  if (running != peer.calls.end()) {
    abandon(now, calls_.find(running->second), {ErrorCode::kCancelled, "the caller cancelled the request"},
            false, out);
  } else {
    peer.seen.mark(id);  // its request, should it come after all
  }
}

void ServiceServer::on_lost(Time now, const NodeId& peer) {
  const auto at = peers_.find(peer);
  if (at == peers_.end()) return;
  Outbox nobody;  // an end would not arrive
  while (!at->second.calls.empty()) {
    abandon(now, calls_.find(at->second.calls.begin()->second),
            {ErrorCode::kUnreachable, "the caller has gone"}, false, nobody);
  }
}

// --- Answers that concern no running call ---

bool ServiceServer::refuse(Time now, const NodeId& to, Peer& peer, std::uint32_t id, const Error& error,
                           Outbox& out) {
  if (!peer.refusals.take(now, 1)) {
    ++stats_.dropped;
    return false;
  }
  out.send(to, write_end(id, {.events = 0, .error = error, .trailer = {}}), Lane::kDispatch);
  return true;
}

bool ServiceServer::resend_end(Time now, const NodeId& to, Peer& peer, std::uint32_t id, Outbox& out) {
  const auto at = std::find_if(peer.records.begin(), peer.records.end(),
                               [&](const Record& record) { return record.id == id; });
  if (at == peer.records.end()) return false;
  if (peer.refusals.take(now, 1)) {
    out.send(to, at->end, Lane::kDispatch);
  } else {
    ++stats_.dropped;
  }
  return true;
}

void ServiceServer::remember(Time now, Peer& peer, std::uint32_t id, Bytes end) {
  peer.record_bytes += end.size();
  peer.records.push_back({id, now + config_.record_for, std::move(end)});
  while (peer.record_bytes > config_.record_bytes) {
    peer.record_bytes -= peer.records.front().end.size();
    peer.records.pop_front();
  }
}

// --- What the program does ---

std::vector<IncomingCall> ServiceServer::take_calls() {
  std::vector<IncomingCall> taken;
  taken.reserve(waiting_.size());
  while (!waiting_.empty()) taken.push_back(take_waiting(waiting_.begin()));
  return taken;
}

std::vector<IncomingCall> ServiceServer::take_calls_of(std::string_view service) {
  std::vector<IncomingCall> taken;
  if (!running_.contains(service)) return taken;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const auto current = at++;
    if (current->second.service == service) taken.push_back(take_waiting(current));
  }
  return taken;
}

IncomingCall ServiceServer::take_waiting(std::map<CallId, IncomingCall>::iterator at) {
  IncomingCall call = std::move(at->second);
  const std::size_t bytes = event_bytes(call.payload, call.frames);
  peers_.at(call.from).waiting_bytes -= bytes;
  waiting_bytes_ -= bytes;
  waiting_.erase(at);
  return call;
}

std::vector<CallNotice> ServiceServer::take_notices() {
  std::vector<CallNotice> taken = std::exchange(notices_, {});
  for (const CallId call : std::exchange(roomy_, {})) taken.push_back({call, std::nullopt});
  return taken;
}

Status ServiceServer::event(Time now, CallId call, Bytes payload, std::vector<Bytes> frames, Outbox& out) {
  const auto at = calls_.find(call);
  if (at == calls_.end() || at->second.finishing) return ended();
  Call& c = at->second;
  const std::size_t bytes = event_bytes(payload, frames);
  if (bytes > kEventBytes || !frames_fit(frames))
    return fail(ErrorCode::kTooLarge, "an event is over 256 KiB or has more than 16 frames: send several");
  Queued event{std::move(payload), std::move(frames), bytes};
  if (c.queue.empty() && has_credit(c.granted, c.sent, bytes)) {
    send_event(now, c, std::move(event), out);
    return {};
  }
  if (c.queue.size() >= config_.stream_events || c.queued_bytes + bytes > config_.stream_bytes)
    return fail(ErrorCode::kBusy, "the reader is behind and the stream's queue is full: wait for a notice");
  if (bytes > buffer_room(c))
    return fail(ErrorCode::kBusy,
                "readers are behind and the queues of this node are full: wait for a notice");
  c.queued_bytes += bytes;
  peers_.at(c.from).buffered_bytes += bytes;
  buffered_bytes_ += bytes;
  c.queue.push_back(std::move(event));
  return {};
}

void ServiceServer::send_event(Time now, Call& call, Queued event, Outbox& out) {
  out.send(call.from, write_event(call.id, call.sent.events, event.payload), Lane::kDispatch,
           std::move(event.frames));
  ++call.sent.events;
  call.sent.bytes += event.bytes;
  call.last_sent = now;
}

void ServiceServer::flush(Time now, Calls::iterator at, Outbox& out) {
  Call& call = at->second;
  while (!call.queue.empty() && has_credit(call.granted, call.sent, call.queue.front().bytes)) {
    call.queued_bytes -= call.queue.front().bytes;
    unbuffer(call, call.queue.front().bytes);
    send_event(now, call, std::move(call.queue.front()), out);
    call.queue.pop_front();
  }
  if (call.queue.empty() && call.finishing) send_end(now, at, std::move(*call.finishing), out);
}

void ServiceServer::unbuffer(const Call& call, std::size_t bytes) {
  peers_.at(call.from).buffered_bytes -= bytes;
  buffered_bytes_ -= bytes;
}

std::size_t ServiceServer::buffer_room(const Call& call) const {
  const std::size_t of_peer = peers_.at(call.from).buffered_bytes;
  return std::min(config_.buffered_bytes_per_peer - std::min(config_.buffered_bytes_per_peer, of_peer),
                  config_.buffered_bytes - std::min(config_.buffered_bytes, buffered_bytes_));
}

Status ServiceServer::finish(Time now, CallId call, Bytes trailer, Outbox& out) {
  if (trailer.size() > kTrailerBytes)
    return fail(ErrorCode::kTooLarge, "a trailer is over 64 KiB: send an event");
  return close(now, call, {.events = 0, .error = std::nullopt, .trailer = std::move(trailer)}, out);
}

Status ServiceServer::finish_with_error(Time now, CallId call, Error error, Outbox& out) {
  return close(now, call, {.events = 0, .error = std::move(error), .trailer = {}}, out);
}

Status ServiceServer::close(Time now, CallId call, EndMessage end, Outbox& out) {
  const auto at = calls_.find(call);
  if (at == calls_.end() || at->second.finishing) return ended();
  at->second.finishing = std::move(end);
  roomy_.erase(call);
  flush(now, at, out);
  return {};
}

std::optional<CallRoom> ServiceServer::writable(CallId call) const {
  const auto at = calls_.find(call);
  if (at == calls_.end() || at->second.finishing) return std::nullopt;
  const Call& c = at->second;
  CallRoom room;
  if (c.queue.empty()) room.credit = {c.granted.events - c.sent.events, c.granted.bytes - c.sent.bytes};
  room.queue = {config_.stream_events - c.queue.size(),
                std::min(config_.stream_bytes - c.queued_bytes, buffer_room(c))};
  return room;
}

// --- How calls end ---

void ServiceServer::send_end(Time now, Calls::iterator at, EndMessage end, Outbox& out) {
  const Call& call = at->second;
  end.events = call.sent.events;
  Bytes message = write_end(call.id, end);
  Bytes record = message;
  if (end.trailer.size() > kRecordTrailerBytes) {
    record = write_end(
        call.id, {end.events, Error{ErrorCode::kUnreachable, "the end was lost with a connection"}, {}});
  }
  out.send(call.from, std::move(message), Lane::kDispatch);
  remember(now, peers_.at(call.from), call.id, std::move(record));
  erase(at);
}

void ServiceServer::abandon(Time now, Calls::iterator at, Error error, bool tell, Outbox& out) {
  const CallId call = at->first;
  const bool known = !waiting_.contains(call) && !at->second.finishing;
  if (known) notices_.push_back({call, error});
  if (tell) {
    send_end(now, at, {.events = 0, .error = std::move(error), .trailer = {}}, out);
  } else {
    erase(at);
  }
}

void ServiceServer::erase(Calls::iterator at) {
  const Call& call = at->second;
  forget_waiting(at->first);
  roomy_.erase(at->first);
  unbuffer(call, call.queued_bytes);
  peers_.at(call.from).calls.erase(call.id);
  const auto running = running_.find(call.service);
  if (--running->second == 0) running_.erase(running);
  calls_.erase(at);
}

void ServiceServer::forget_waiting(CallId call) {
  const auto at = waiting_.find(call);
  if (at == waiting_.end()) return;
  const std::size_t bytes = event_bytes(at->second.payload, at->second.frames);
  peers_.at(at->second.from).waiting_bytes -= bytes;
  waiting_bytes_ -= bytes;
  waiting_.erase(at);
}

// --- Time ---

void ServiceServer::on_timer(Time now, Outbox& out) {
  if (now < due_) return;
  if (now - due_ > config_.stall) {
    for (auto& [id, call] : calls_) call.last_heard = now;
  }
  for (auto at = calls_.begin(); at != calls_.end();) step(now, at++, out);
  if (now >= tidy_at_) tidy(now);
  due_ = peers_.empty() ? kNever : calls_.empty() ? tidy_at_ : now + config_.tick;
}

void ServiceServer::step(Time now, Calls::iterator at, Outbox& out) {
  Call& call = at->second;
  if (now >= call.deadline) {
    abandon(now, at, {ErrorCode::kDeadline, "the answer took longer than the request allowed"}, true, out);
  } else if (now - call.last_heard >= config_.silence_max) {
    abandon(now, at, {ErrorCode::kUnreachable, "no sign of life from the caller"}, false, out);
  } else if (now - call.last_sent >= config_.beat_every) {
    call.last_sent = now;
    out.send(call.from, write_alive(call.id, call.sent.events), Lane::kDispatch);
  }
}

void ServiceServer::tidy(Time now) {
  tidy_at_ = now + kTidyEvery;
  for (auto& [id, peer] : peers_) {
    while (!peer.records.empty() && peer.records.front().until <= now) {
      peer.record_bytes -= peer.records.front().end.size();
      peer.records.pop_front();
    }
  }
  std::erase_if(peers_, [&](const auto& entry) {
    return entry.second.calls.empty() && now - entry.second.last_heard >= config_.peer_for;
  });
}

}  // namespace zswarm::bus
