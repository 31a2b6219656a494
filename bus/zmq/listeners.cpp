#include "bus/zmq/listeners.h"

#include <fmt/format.h>

#include <algorithm>

namespace zswarm::bus {
namespace {

constexpr std::array kAll = {Socket::kJoin, Socket::kGossip, Socket::kControl, Socket::kDispatch};

}  // namespace

Result<Listeners> Listeners::open(zmq::context_t& context, const ListenAddresses& addresses,
                                  const Secret<32>& join_secret, const Secret<32>& own_secret,
                                  const SocketLimits& limits) {
  auto door = Door::open(context, limits);
  if (!door) return tl::unexpected(door.error());
  Listeners made(context, join_secret, own_secret, limits, std::move(*door));
  const std::array<const std::string*, kKinds> wanted = {&addresses.join, &addresses.gossip,
                                                         &addresses.control, &addresses.dispatch};
  for (const Socket kind : kAll) {
    const Status opened = made.open_one(kind, *wanted[static_cast<std::size_t>(kind)]);
    if (!opened) return tl::unexpected(opened.error());
  }
  return made;
}

Listeners::~Listeners() {
  for (const Socket kind : kAll) door_.stop(kind, socket(kind));
}

Status Listeners::open_one(Socket kind, const std::string& address) {
  auto opened = open_server(*context_, kind, secret_of(kind), address, limits_);
  if (!opened) return tl::unexpected(opened.error());
  const auto at = static_cast<std::size_t>(kind);
  sockets_[at] = std::move(*opened);
  ports_[at] = bound_port(sockets_[at]);
  bound_[at] = address.substr(0, address.rfind(':') + 1) + std::to_string(ports_[at]);
  Status watched = door_.watch(kind, sockets_[at], ports_[at]);
  if (!watched) sockets_[at].close();  // never open without its limits
  return watched;
}

void Listeners::close(Socket kind) {
  zmq::socket_t& closing = socket(kind);
  if (!closing) return;
  door_.stop(kind, closing);
  closing.set(zmq::sockopt::linger, 0);
  closing.close();
}

void Listeners::cut_off(const NodeId& node) {
  for (auto& routes : routes_) routes.erase(node);
  for (auto& held : held_) held.erase(node);
  close(Socket::kGossip);
}

void Listeners::reopen_join(const Secret<32>& join_secret) {
  join_secret_ = join_secret.copy();
  close(Socket::kJoin);
}

bool Listeners::is_whole() const {
  return std::all_of(sockets_.begin(), sockets_.end(),
                     [](const zmq::socket_t& s) { return s.handle() != nullptr; });
}

Status Listeners::tick(Time now) {
  door_.tick(now);
  send_held();
  Status status;
  for (const Socket kind : kAll) {
    if (socket(kind)) continue;
    const Status opened = open_one(kind, bound_[static_cast<std::size_t>(kind)]);
    if (!opened) status = opened;
  }
  if (is_whole()) {
    closed_since_.reset();
    return {};
  }
  if (!closed_since_) closed_since_ = now;
  if (now - *closed_since_ < kReopenWithin) return {};
  closed_since_ = now;  // once in this time is often enough
  return status;
}

void Listeners::publish(Topic topic, const Bytes& message) {
  if (!socket(Socket::kGossip)) return;  // while it is opened again; repaired like any loss
  const auto prefix = static_cast<std::uint8_t>(topic);
  const std::array<ByteView, 2> parts = {ByteView(&prefix, 1), message};
  // Publishing never blocks: a subscriber whose queue is full misses the message and is repaired by the
  // protocol.
  if (send_parts(socket(Socket::kGossip), parts) == Sent::kYes) traffic_.out_bytes += message.size() + 1;
}

Sent Listeners::write(const Send& message, const Bytes& route) {
  std::vector<ByteView> parts = {route, message.message};
  std::size_t bytes = message.message.size();
  for (const Bytes& frame : message.frames) {
    parts.emplace_back(frame);
    bytes += frame.size();
  }
  const auto kind = message.lane == Lane::kControl ? Socket::kControl : Socket::kDispatch;
  const Sent sent = send_parts(socket(kind), parts);
  if (sent == Sent::kYes) traffic_.out_bytes += bytes;
  return sent;
}

Listeners::Answer Listeners::answer(Send& message) {
  const auto lane = static_cast<std::size_t>(message.lane);
  const auto route = routes_[lane].find(message.to);
  if (route == routes_[lane].end()) return Answer::kNoRoute;
  if (const auto held = held_[lane].find(message.to); held != held_[lane].end())
    return held->second.add(message, limits_) ? Answer::kTaken : Answer::kFull;
  const Sent sent = write(message, route->second);
  if (sent == Sent::kYes) return Answer::kTaken;
  if (sent == Sent::kGone) {
    routes_[lane].erase(route);
    return Answer::kNoRoute;
  }
  HeldMessages waiting;
  if (held_[lane].size() >= limits_.held_peers) return Answer::kFull;
  const NodeId to = message.to;
  if (!waiting.add(message, limits_)) return Answer::kFull;
  held_[lane].emplace(to, std::move(waiting));
  return Answer::kTaken;
}

void Listeners::send_held() {
  for (std::size_t lane = 0; lane < held_.size(); ++lane) {
    for (auto at = held_[lane].begin(); at != held_[lane].end();) {
      auto& [node, waiting] = *at;
      const auto route = routes_[lane].find(node);
      Sent sent = route == routes_[lane].end() ? Sent::kGone : Sent::kYes;
      while (sent == Sent::kYes && !waiting.empty()) {
        sent = write(waiting.front(), route->second);
        if (sent == Sent::kYes) waiting.pop();
      }
      if (sent == Sent::kGone) {
        if (lane == static_cast<std::size_t>(Lane::kDispatch)) gone_.push_back(node);
        if (route != routes_[lane].end()) routes_[lane].erase(route);
      }
      at = sent == Sent::kGone || waiting.empty() ? held_[lane].erase(at) : std::next(at);
    }
  }
}

void Listeners::add_poll_items(std::vector<zmq::pollitem_t>& items) {
  // A socket that is closed just now has its place all the same; poll() passes over it.
  for (const Socket kind : kAll)
    items.push_back({socket(kind).handle(), socket(kind) ? 0 : -1, ZMQ_POLLIN, 0});
  door_.add_poll_items(items);
}

void Listeners::poll_done(Time now, const std::vector<zmq::pollitem_t>& items, std::size_t first,
                          ListenerEvents& events) {
  door_.poll_done(now, items, first + kKinds);  // before messages that came over new connections
  for (const Socket kind : kAll) {
    if ((items[first + static_cast<std::size_t>(kind)].revents & ZMQ_POLLIN) == 0) continue;
    if (kind == Socket::kJoin) {
      read_join(now, events);
    } else if (kind == Socket::kGossip) {
      read_subscriptions();
    } else {
      read_members(kind, events);
    }
  }
}

bool Listeners::may_answer_hello(Time now) {
  const auto rate = static_cast<double>(limits_.hellos_per_second);
  const double seconds = std::chrono::duration<double>(now - hello_refill_).count();
  hello_refill_ = now;
  hello_tokens_ = std::min(rate, hello_tokens_ + rate * std::max(0.0, seconds));
  if (hello_tokens_ < 1) return false;
  hello_tokens_ -= 1;
  return true;
}

std::string Listeners::sender_of(zmq::message_t& part) {
  const char* address = zmq_msg_gets(part.handle(), "Peer-Address");
  const std::string_view host = address != nullptr ? address : "";
  // A socket for both families shows IPv4 addresses as IPv6 ones (RFC 4291, section 2.5.5.2).
  constexpr std::string_view kMapped = "::ffff:";
  return std::string(host.starts_with(kMapped) ? host.substr(kMapped.size()) : host);
}

void Listeners::read_join(Time now, ListenerEvents& events) {
  zmq::socket_t& join = socket(Socket::kJoin);
  for (std::size_t turn = 0; turn < limits_.messages_per_turn; ++turn) {
    auto received = receive_parts(join, 2);
    door_.drained(Socket::kJoin, !received);
    if (!received) return;
    traffic_.in_bytes += received->bytes();
    door_.proved(Socket::kJoin, *received);
    if (received->faulty || received->parts.size() != 2) {
      traffic_.faulty += 1;
    } else if (!may_answer_hello(now)) {
      traffic_.hellos_refused += 1;
    } else {
      const Bytes answer = events.on_hello(received->view(1), sender_of(received->parts[1]));
      const std::array<ByteView, 2> parts = {received->view(0), answer};
      // The asker may have gone; then nobody misses the answer.
      if (!answer.empty() && send_parts(join, parts) == Sent::kYes) traffic_.out_bytes += answer.size();
    }
  }
}

void Listeners::read_subscriptions() {
  zmq::socket_t& xpub = socket(Socket::kGossip);
  for (std::size_t turn = 0; turn < limits_.messages_per_turn; ++turn) {
    auto received = receive_parts(xpub, 1);
    door_.drained(Socket::kGossip, !received);
    if (!received) return;
    door_.proved(Socket::kGossip, *received);
    // First byte: 1 subscribes, 0 takes it back; then the topic. Applies to the connection that it came over.
    const ByteView bytes = received->view(0);
    if (received->faulty || bytes.size() != 2 || bytes[0] > 1 ||
        bytes[1] > static_cast<std::uint8_t>(Topic::kLazy)) {
      // libzmq keeps whatever was subscribed to for as long as the connection lasts.
      traffic_.faulty += 1;
      door_.end(Socket::kGossip, received->parts[0]);
      continue;
    }
    const std::string topic(1, static_cast<char>(bytes[1]));
    bytes[0] == 1 ? xpub.set(zmq::sockopt::subscribe, topic) : xpub.set(zmq::sockopt::unsubscribe, topic);
  }
}

void Listeners::read_members(Socket kind, ListenerEvents& events) {
  const Lane lane = kind == Socket::kControl ? Lane::kControl : Lane::kDispatch;
  auto& routes = routes_[static_cast<std::size_t>(lane)];
  for (std::size_t turn = 0; turn < limits_.messages_per_turn; ++turn) {
    auto received = receive_parts(socket(kind), 2 + kMaxFrames);
    door_.drained(kind, !received);
    if (!received) return;
    if (received->parts.size() >= 2) door_.proved(kind, *received);
    const bool whole = !received->faulty && received->parts.size() >= 2;
    const char* user = whole ? zmq_msg_gets(received->parts[1].handle(), "User-Id") : nullptr;
    const auto from = user != nullptr ? NodeId::parse(user) : std::nullopt;
    if (!from) {
      traffic_.faulty += 1;
      continue;
    }
    traffic_.in_bytes += received->bytes();
    if (routes.size() >= limits_.routes && !routes.contains(*from)) routes.erase(routes.begin());
    routes[*from].assign(received->view(0).begin(), received->view(0).end());
    events.on_message(*from, lane, received->view(1), received->frames_from(2));
  }
}

}  // namespace zswarm::bus
