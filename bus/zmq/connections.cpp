#include "bus/zmq/connections.h"

#include <array>
#include <utility>

#include "bus/wire/message.h"
#include "bus/zmq/parts.h"

namespace zswarm::bus {

Socket Connections::kind_of(std::size_t which) {
  if (which == kGossipSocket) return Socket::kGossip;
  return which == static_cast<std::size_t>(Lane::kControl) ? Socket::kControl : Socket::kDispatch;
}

const std::string& Connections::address_of(const PeerAddress& address, std::size_t which) {
  if (which == kGossipSocket) return address.gossip;
  return which == static_cast<std::size_t>(Lane::kControl) ? address.control : address.dispatch;
}

Connections::Connections(zmq::context_t& context, CurveKeyPair own, SocketLimits limits,
                         ConnectionEvents& events)
    : context_(context), own_(std::move(own)), limits_(limits), events_(events), intake_(limits) {}

Connections::~Connections() = default;

void Connections::set_introduction(Time now, Bytes hello, JoinKeys keys) {
  hello_ = std::move(hello);
  join_keys_ = std::move(keys);
  // Nobody would answer those that are under way with other keys.
  introductions_.clear();
  welcomed_.clear();
  for (auto& [node, peer] : peers_) {
    if (peer.introduced || peer.deadline == kNever) continue;
    peer.deadline = kNever;
    begin_introduction(now, peer);
  }
}

bool Connections::set_address(Time now, const NodeId& node, PeerAddress address) {
  if (addresses_.size() >= limits_.admitted && !addresses_.contains(node)) return false;
  PeerAddress& known = addresses_[node];
  if (known == address) return true;
  known = std::move(address);
  // It has moved or was restarted under other ports: the old connections lead nowhere.
  const auto peer = peers_.find(node);
  if (peer == peers_.end() || peer->second.address == known) return true;
  peer->second.address = known;
  peer->second.introduced = false;
  peer->second.deadline = kNever;
  for (auto& socket : peer->second.sockets) socket.reset();
  const bool wanted =
      peer->second.linked || !peer->second.unsent[0].empty() || !peer->second.unsent[1].empty();
  if (wanted) begin_introduction(now, peer->second);
  return true;
}

void Connections::forget(const NodeId& node) {
  addresses_.erase(node);
  peers_.erase(node);
}

Connections::Peer* Connections::peer_for(Time now, const NodeId& node) {
  const auto open = peers_.find(node);
  if (open != peers_.end()) return &open->second;
  const auto address = addresses_.find(node);
  if (address == addresses_.end() || peers_.size() >= limits_.peers) return nullptr;
  // A guest is answered over the connection that it opened.
  if (address->second.complete && address->second.join.empty()) return nullptr;
  Peer& peer = peers_[node];
  peer.node = node;
  peer.address = address->second;
  peer.heard = peer.spoken = now;
  if (welcomed_.erase(peer.address.join) > 0) {
    peer.introduced = true;
    open_sockets(now, peer);
  }
  return &peer;
}

bool Connections::introduce_to(Time now, const std::string& address) {
  if (introductions_.contains(address)) return true;
  if (introductions_.size() >= limits_.peers) return false;
  auto socket = open_client(context_, Socket::kJoin, join_keys_.client, join_keys_.server, address, limits_);
  if (!socket) return false;
  write(*socket, hello_);
  introductions_.emplace(address, Introduction{std::move(*socket), now + limits_.introduction});
  return true;
}

void Connections::begin_introduction(Time now, Peer& peer) {
  if (peer.deadline != kNever) return;
  if (!peer.address.complete) {
    peer.deadline = now + limits_.introduction;
    return;
  }
  peer.deadline = introduce_to(now, peer.address.join) ? now + limits_.introduction : now;
}

void Connections::open_sockets(Time now, Peer& peer) {
  const bool gossip = peer.linked;
  for (std::size_t which = 0; which < kSockets; ++which) {
    if (peer.sockets[which] || address_of(peer.address, which).empty()) continue;
    if (which == kGossipSocket && !gossip) continue;
    // Most neighbours never call each other: this one is opened by the first message.
    if (which == kDispatchSocket && peer.unsent[which].empty()) continue;
    auto socket = open_client(context_, kind_of(which), own_, peer.address.curve_key,
                              address_of(peer.address, which), limits_);
    if (!socket) continue;  // an address that cannot be read: as silent as one where nobody listens
    peer.sockets[which] = std::move(*socket);
  }
  if (auto& sub = peer.sockets[kGossipSocket]) {
    for (std::size_t topic = 0; topic < peer.topics.size(); ++topic) {
      if (peer.topics[topic]) sub->set(zmq::sockopt::subscribe, std::string(1, static_cast<char>(topic)));
    }
  }
  peer.heard = now;
}

bool Connections::write(zmq::socket_t& socket, const Bytes& message, std::span<const Bytes> frames) {
  std::vector<ByteView> parts = {message};
  std::size_t bytes = message.size();
  for (const Bytes& frame : frames) {
    parts.emplace_back(frame);
    bytes += frame.size();
  }
  if (send_parts(socket, parts) != Sent::kYes) return false;
  traffic_.out_bytes += bytes;
  return true;
}

void Connections::flush(Peer& peer) {
  for (std::size_t lane = 0; lane < peer.unsent.size(); ++lane) {
    HeldMessages& unsent = peer.unsent[lane];
    auto& socket = peer.sockets[lane];
    if (!socket) unsent.clear();  // the node has no such socket
    while (!unsent.empty() && write(*socket, unsent.front().message, unsent.front().frames)) unsent.pop();
  }
}

void Connections::try_directly(Time now, Peer& peer) {
  peer.tried_directly = peer.introduced = true;
  peer.deadline = kNever;
  open_sockets(now, peer);
  peer.spoken = now;
  peer.heard = now - Duration(1);  // silence counts from here on
}

bool Connections::send(Time now, Send message) {
  Peer* peer = peer_for(now, message.to);
  if (peer == nullptr) return false;
  peer->spoken = now;
  const auto lane = static_cast<std::size_t>(message.lane);
  if (peer->introduced && peer->unsent[lane].empty()) {
    auto& socket = peer->sockets[lane];
    if (socket && write(*socket, message.message, message.frames)) return true;
  }
  if (!peer->unsent[lane].add(message, limits_)) return false;
  if (!peer->introduced) {
    begin_introduction(now, *peer);
  } else if (!peer->sockets[lane]) {
    open_sockets(now, *peer);
    flush(*peer);
  }
  return true;
}

void Connections::link(Time now, const NodeId& node) {
  Peer* peer = peer_for(now, node);
  if (peer == nullptr)
    return events_.on_unreachable(node, "its address is not known, or too many connections are open");
  peer->linked = true;
  peer->introduced ? open_sockets(now, *peer) : begin_introduction(now, *peer);
}

void Connections::unlink(const NodeId& node) {
  const auto open = peers_.find(node);
  if (open == peers_.end()) return;
  open->second.linked = false;
  open->second.topics = {};
  open->second.sockets[kGossipSocket].reset();
}

void Connections::subscribe(Time now, const NodeId& node, Topic topic, bool on) {
  Peer* peer = peer_for(now, node);
  if (peer == nullptr) return;
  bool& present = peer->topics[static_cast<std::size_t>(topic)];
  if (present == on) return;
  present = on;
  auto& sub = peer->sockets[kGossipSocket];
  if (!sub) return;  // open_sockets() subscribes
  const std::string prefix(1, static_cast<char>(topic));
  on ? sub->set(zmq::sockopt::subscribe, prefix) : sub->set(zmq::sockopt::unsubscribe, prefix);
}

void Connections::heard(Time now, const NodeId& node) {
  const auto open = peers_.find(node);
  if (open == peers_.end()) return;
  open->second.heard = now;
  open->second.tried_directly = false;
}

std::string Connections::control_address(const NodeId& node) const {
  const auto known = addresses_.find(node);
  return known == addresses_.end() ? std::string() : known->second.control;
}

void Connections::add_poll_items(std::vector<zmq::pollitem_t>& items) {
  polled_.clear();
  for (auto& [address, introduction] : introductions_) {
    items.push_back({introduction.socket.handle(), 0, ZMQ_POLLIN, 0});
    polled_.push_back({true, address, {}, 0});
  }
  for (auto& [node, peer] : peers_) {
    for (std::size_t which = 0; which < kSockets; ++which) {
      if (!peer.sockets[which]) continue;
      const bool waits = which != kGossipSocket && peer.introduced && !peer.unsent[which].empty();
      items.push_back(
          {peer.sockets[which]->handle(), 0, static_cast<short>(ZMQ_POLLIN | (waits ? ZMQ_POLLOUT : 0)), 0});
      polled_.push_back({false, {}, node, which});
    }
  }
}

void Connections::poll_done(Time now, const std::vector<zmq::pollitem_t>& items, std::size_t first) {
  // Events may open and close connections, so what was polled is looked up again by name.
  const std::vector<Polled> polled = std::exchange(polled_, {});
  if (intake_.is_due(now)) weigh(now);
  for (std::size_t i = 0; i < polled.size(); ++i) {
    const short events = items[first + i].revents;
    if ((events & ZMQ_POLLOUT) != 0) {
      if (const auto open = peers_.find(polled[i].node); open != peers_.end()) flush(open->second);
    }
    if ((events & ZMQ_POLLIN) == 0) continue;
    if (!polled[i].introduction) {
      read_peer(now, polled[i].node, polled[i].which);
    } else if (const auto open = introductions_.find(polled[i].address); open != introductions_.end()) {
      const auto answer = receive_parts(open->second.socket, 1);
      if (!answer) continue;
      traffic_.in_bytes += answer->bytes();
      introductions_.erase(open);
      events_.on_introduced(polled[i].address, answer->view(0));
      bool awaited = false;
      for (auto& [node, peer] : peers_) {
        if (peer.address.join != polled[i].address || peer.introduced) continue;
        awaited = true;
        peer.introduced = true;
        peer.tried_directly = false;
        peer.deadline = kNever;
        open_sockets(now, peer);
        flush(peer);
      }
      const auto header = read_header(answer->view(0));
      const bool welcome = header && header->type == MessageType::kWelcome;
      if (welcome && !awaited && welcomed_.size() < limits_.peers) welcomed_[polled[i].address] = now;
    }
  }
}

void Connections::read_peer(Time now, const NodeId& node, std::size_t which) {
  int descriptor = -1;
  for (std::size_t turn = 0; turn < limits_.messages_per_turn; ++turn) {
    const auto open = peers_.find(node);  // an event may have closed it
    if (open == peers_.end() || !open->second.sockets[which]) return;
    auto received = receive_parts(*open->second.sockets[which], 1 + kMaxFrames);
    if (descriptor >= 0) intake_.drained(descriptor, !received);
    if (!received) return;
    descriptor = intake_.message(*received);
    heard(now, node);
    traffic_.in_bytes += received->bytes();
    if (received->faulty) continue;
    if (which != kGossipSocket) {
      events_.on_message(node, static_cast<Lane>(which), received->view(0), received->frames_from(1));
    } else if (received->parts.size() == 2 && received->view(0).size() == 1 && received->view(0)[0] <= 1) {
      events_.on_gossip(node, static_cast<Topic>(received->view(0)[0]), received->view(1));
    }
  }
}

void Connections::weigh(Time now) {
  std::unordered_set<std::string> addresses;
  for (const auto& [address, introduction] : introductions_) addresses.insert(address);
  for (const auto& [node, peer] : peers_) {
    for (std::size_t which = 0; which < kSockets; ++which) {
      if (peer.sockets[which]) addresses.insert(address_of(peer.address, which));
    }
  }
  for (const std::string& address : intake_.weigh(now, addresses)) {
    // At once, not only after what it was still to be told.
    if (const auto open = introductions_.find(address); open != introductions_.end()) {
      open->second.socket.set(zmq::sockopt::linger, 0);
      introductions_.erase(open);
    }
    std::vector<NodeId> flooding;
    for (auto& [node, peer] : peers_) {
      for (std::size_t which = 0; which < kSockets; ++which) {
        if (!peer.sockets[which] || address_of(peer.address, which) != address) continue;
        peer.sockets[which]->set(zmq::sockopt::linger, 0);
        flooding.push_back(node);
      }
    }
    for (const NodeId& node : flooding) {
      if (peers_.erase(node) > 0)
        events_.on_unreachable(node, "it sends more than a node sends, and was cut off");
    }
  }
}

void Connections::tick(Time now) {
  std::vector<std::string> silent_contacts;
  std::erase_if(introductions_, [&](const auto& entry) {
    const bool over = entry.second.deadline <= now;
    if (over) silent_contacts.push_back(entry.first);
    return over;
  });
  for (const std::string& address : silent_contacts) events_.on_unanswered(address);
  std::erase_if(welcomed_, [&](const auto& entry) { return now - entry.second > limits_.introduction; });
  std::vector<NodeId> unreachable;
  for (auto it = peers_.begin(); it != peers_.end();) {
    Peer& peer = it->second;
    const bool waits = !peer.unsent[0].empty() || !peer.unsent[1].empty();
    const bool idle = !peer.linked && !waits && now - std::max(peer.heard, peer.spoken) > limits_.idle;
    const bool silent = peer.spoken > peer.heard && now - peer.heard > limits_.introduction;
    const bool unanswered = peer.introduced ? silent : peer.deadline <= now;
    const bool gone = unanswered && peer.tried_directly;
    if (gone) unreachable.push_back(peer.node);
    if (idle || gone) {
      it = peers_.erase(it);
      continue;
    }
    if (unanswered && peer.introduced) {
      peer.introduced = false;
      begin_introduction(now, peer);
    } else if (unanswered) {
      try_directly(now, peer);
    }
    if (peer.introduced) flush(peer);
    ++it;
  }
  for (const NodeId& node : unreachable) events_.on_unreachable(node, "nobody answered at its join socket");
}

}  // namespace zswarm::bus
