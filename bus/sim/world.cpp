#include "bus/sim/world.h"

#include <algorithm>
#include <cstring>

namespace zswarm::bus {
namespace {

constexpr std::size_t kInboxMax = 20'000;      // high-water marks of a frozen process
constexpr std::size_t kSubscriptionBytes = 3;  // a command and a topic
constexpr std::size_t kKnockBytes = 60;        // a first segment, with the headers of TCP and IP
constexpr std::uint64_t kIncarnations = 1000;  // of one life
constexpr Duration kHostileEvery{200'000};

std::uint64_t word_of(const NodeId& id) {
  std::uint64_t word;
  std::memcpy(&word, id.bytes.data(), sizeof(word));
  return word;
}

}  // namespace

World::World(const WorldConfig& config, Observer& observer)
    : config_(config),
      observer_(observer),
      cards_(config.seed, config.card_bytes),
      network_(config.network, config.nodes, config.seed),
      random_(mixed(config.seed)),
      nodes_(config.nodes),
      hash_(config.seed) {
  for (Node& node : nodes_) node.clock = Duration(random_.below(1'000'000'000'000));
}

World::~World() = default;

void World::make_overlay(std::uint32_t number) {
  Node& node = nodes_[number];
  ++node.life;
  const Peer peer = cards_.peer(number);
  Self self{peer.id, peer.card, node.life * kIncarnations, mixed(std::uint64_t{node.life} << 32 | number)};
  node.overlay = std::make_unique<Overlay>(config_.overlay, cards_, std::move(self), random_.next(), &news_,
                                           &everybody_);
  node.state = State::kRunning;
  node.armed = kNever;
}

std::optional<RosterEntry> World::Everybody::pick(Time, Random& random) {
  const auto number = static_cast<std::uint32_t>(random.below(world_.size()));
  if (world_.nodes_[number].life == 0) return std::nullopt;
  return RosterEntry{world_.cards_.peer(number), world_.nodes_[number].life * kIncarnations};
}

void World::start(std::uint32_t number, std::uint32_t contact) {
  ZS_BUS_ASSERT(nodes_[number].state == State::kAbsent || nodes_[number].state == State::kDead);
  make_overlay(number);
  if (contact == number) return;
  Outbox out;
  nodes_[number].overlay->join(local(nodes_[number]), cards_.peer(contact), out);
  carry_out(number, out);
}

void World::start_warm() {
  for (std::uint32_t i = 0; i < size(); ++i) make_overlay(i);
  const auto linked = [&](std::uint32_t a, std::uint32_t b) {
    // What the two would have said to each other.
    Outbox out;
    Writer writer(MessageType::kNeighbour, 2);
    writer.uint(1);
    write_peer(writer, cards_.peer(b));
    static_cast<void>(nodes_[a].overlay->on_message(local(nodes_[a]), cards_.id(b), writer.take(), out));
    Outbox without_answers;
    for (Effect& effect : out.take()) {
      if (!std::holds_alternative<Send>(effect))
        std::visit([&](auto& e) { without_answers.add(std::move(e)); }, effect);
    }
    carry_out(a, without_answers);
  };
  const auto degree = [&](std::uint32_t i) { return nodes_[i].overlay->active().size(); };
  for (std::uint32_t i = 0; i < size() && size() > 1; ++i) {
    for (int tries = 0; tries < 50 && degree(i) < config_.overlay.active_target; ++tries) {
      const auto j = static_cast<std::uint32_t>(random_.below(size()));
      const auto has = [&](const Peer& p) { return p.id == cards_.id(j); };
      const auto active = nodes_[i].overlay->active();
      if (j == i || degree(j) >= config_.overlay.active_max || std::any_of(active.begin(), active.end(), has))
        continue;
      linked(i, j);
      linked(j, i);
    }
  }
  const std::size_t reserve = std::min<std::size_t>(config_.overlay.passive_max, size() - 1);
  for (std::uint32_t i = 0; i < size(); ++i) {
    Outbox out;
    for (std::size_t k = 0; k < reserve; ++k) {
      nodes_[i].overlay->add_candidate(local(nodes_[i]),
                                       cards_.peer(static_cast<std::uint32_t>(random_.below(size()))), out);
    }
    carry_out(i, out);
  }
}

void World::schedule(Time at, What what, std::uint32_t node, std::uint32_t from, std::uint32_t message) {
  queue_.push({at, order_++, node, from, message, what});
}

void World::run_until(Time end) {
  while (!queue_.empty() && queue_.top().at <= end) {
    const Happening h = queue_.top();
    queue_.pop();
    now_ = h.at;
    happen(h);
  }
  now_ = end;
}

void World::happen(const Happening& h) {
  Node& node = nodes_[h.node];
  if (node.state == State::kFrozen && h.what != What::kTimer && h.what != What::kHostile &&
      node.inbox.size() < kInboxMax) {
    node.inbox.push_back(h);
    return;
  }
  switch (h.what) {
    case What::kMessage:
      if (node.state == State::kRunning) deliver(h);
      return release(h.message);
    case What::kSubscription:
      return subscription(h);
    case What::kClosed:
      return closed(h);
    case What::kHostile:
      return hostile_step(h.node);
    case What::kTimer:
    case What::kLost:
    case What::kKnocked:
      break;
  }
  if (node.state != State::kRunning) return;
  Outbox out;
  if (h.what == What::kLost) {
    node.overlay->on_lost(local(node), cards_.id(h.from), out);
  } else if (h.what == What::kKnocked) {
    node.overlay->on_knocked(local(node), cards_.id(h.from), h.message != 0, out);
  } else {
    if (node.armed == h.at) node.armed = kNever;
    if (node.overlay->next_timer() > local(node)) return arm(h.node);
    node.overlay->on_timer(local(node), out);
  }
  carry_out(h.node, out);
}

void World::deliver(const Happening& h) {
  Node& node = nodes_[h.node];
  const Bytes& bytes = messages_held_[h.message].bytes;
  ++messages_;
  note(static_cast<std::uint64_t>(now_.since_start.count()) ^ std::uint64_t{h.node} << 40);
  note_bytes(bytes);
  if (node.hostile != nullptr) node.hostile->overhear(bytes);
  Outbox out;
  const Status status = node.overlay->on_message(local(node), cards_.id(h.from), bytes, out);
  if (!status) ++refused_;
  carry_out(h.node, out);
}

void World::carry_out(std::uint32_t number, Outbox& out) {
  for (Effect& effect : out.take()) {
    Node& node = nodes_[number];
    if (auto* send = std::get_if<Send>(&effect)) {
      const std::uint32_t to = cards_.number(send->to);
      const std::uint32_t message = keep(std::move(send->message));
      if (to < size()) post(number, to, Channel::kControl, message);
      release(message);
    } else if (auto* published = std::get_if<Publish>(&effect)) {
      publish(number, published->topic, std::move(published->message));
    } else if (auto* wish = std::get_if<Subscribe>(&effect)) {
      const std::uint32_t to = cards_.number(wish->to);
      if (to >= size() || !network_.reach(number, to)) continue;
      const auto topic = static_cast<std::uint32_t>(wish->topic) << 1 | (wish->on ? 1u : 0u);
      const std::size_t bytes = framed_bytes(kSubscriptionBytes);
      node.bytes_sent += bytes;
      bytes_sent_ += bytes;
      schedule(network_.arrival(now_, number, to, Channel::kControl, bytes), What::kSubscription, to, number,
               topic);
    } else if (auto* knocked = std::get_if<Knock>(&effect)) {
      if (const std::uint32_t to = cards_.number(knocked->to); to < size()) knock(number, to);
    } else if (auto* link = std::get_if<Link>(&effect)) {
      const std::uint32_t to = cards_.number(link->to);
      if (to < size() && network_.reach(number, to)) network_.connect(now_, number, to);
    } else if (auto* unlink = std::get_if<Unlink>(&effect)) {
      const std::uint32_t to = cards_.number(unlink->to);
      if (to < size() && network_.reach(number, to))
        schedule(network_.arrival(now_, number, to, Channel::kControl, 1), What::kClosed, to, number, 0);
    }
  }
  Node& node = nodes_[number];
  for (const OverlayEvent& event : node.overlay->take_events()) {
    note(event.index() << 32 ^ number);
    std::visit(
        [&](const auto& e) {
          if constexpr (requires { e.id; }) note(word_of(e.id));
        },
        event);
    observer_.on_event(now_, number, event);
  }
  arm(number);
}

void World::arm(std::uint32_t number) {
  Node& node = nodes_[number];
  const Time next = node.overlay->next_timer();
  if (next == kNever) return;
  const Time at = std::max(now_, next - node.clock);
  if (at >= node.armed) return;
  node.armed = at;
  schedule(at, What::kTimer, number, 0, 0);
}

void World::post(std::uint32_t from, std::uint32_t to, Channel channel, std::uint32_t message) {
  Node& node = nodes_[from];
  const std::size_t topic = channel == Channel::kGossip ? 1 : 0;
  const std::size_t bytes = framed_bytes(messages_held_[message].bytes.size() + topic);
  node.bytes_sent += bytes;
  bytes_sent_ += bytes;
  // Nobody is there, or nothing gets through: the bytes are spent, and the connection breaks or never stands.
  if (!network_.reach(from, to) || nodes_[to].state == State::kDead || nodes_[to].state == State::kAbsent)
    return;
  ++messages_held_[message].readers;
  schedule(network_.arrival(now_, from, to, channel, bytes), What::kMessage, to, from, message);
}

void World::knock(std::uint32_t from, std::uint32_t to) {
  nodes_[from].bytes_sent += kKnockBytes;
  bytes_sent_ += kKnockBytes;
  if (!network_.reach(from, to)) return;
  const State state = nodes_[to].state;
  const bool listens =
      state == State::kRunning || (state == State::kFrozen && config_.frozen_machines_answer);
  const bool refuses = state == State::kDead && config_.crash_resets_connections;
  if (!listens && !refuses) return;
  if (const std::optional<Time> answer = network_.knock(now_, from, to))
    schedule(*answer, What::kKnocked, from, to, listens ? 1 : 0);
}

void World::publish(std::uint32_t from, Topic topic, Bytes bytes) {
  const std::uint32_t message = keep(std::move(bytes));
  for (const Subscriber& subscriber : nodes_[from].subscribers) {
    if (subscriber.topics[static_cast<std::size_t>(topic)])
      post(from, subscriber.node, Channel::kGossip, message);
  }
  release(message);
}

void World::subscription(const Happening& h) {
  Node& node = nodes_[h.node];
  if (node.state != State::kRunning) return;
  auto at = std::find_if(node.subscribers.begin(), node.subscribers.end(),
                         [&](const Subscriber& s) { return s.node == h.from; });
  if (at == node.subscribers.end()) {
    node.subscribers.push_back({h.from, {false, false}});
    at = node.subscribers.end() - 1;
  }
  at->topics[h.message >> 1] = (h.message & 1) != 0;
}

bool World::is_subscribed(std::uint32_t publisher, std::uint32_t reader, Topic topic) const {
  for (const Subscriber& subscriber : nodes_[publisher].subscribers) {
    if (subscriber.node == reader) return subscriber.topics[static_cast<std::size_t>(topic)];
  }
  return false;
}

void World::closed(const Happening& h) {
  std::erase_if(nodes_[h.node].subscribers, [&](const Subscriber& s) { return s.node == h.from; });
}

void World::kill(std::uint32_t number) {
  Node& node = nodes_[number];
  if (node.overlay == nullptr) return;
  if (config_.crash_resets_connections) {
    for (const Peer& peer : node.overlay->active()) {
      const std::uint32_t to = cards_.number(peer.id);
      schedule(network_.arrival(now_, number, to, Channel::kControl, 1), What::kLost, to, number, 0);
    }
  }
  for (const Happening& h : std::exchange(node.inbox, {})) {
    if (h.what == What::kMessage) release(h.message);
  }
  node.overlay.reset();
  node.hostile.reset();
  std::vector<Subscriber>().swap(node.subscribers);
  network_.forget(number);
  node.state = State::kDead;
}

void World::leave(std::uint32_t number) {
  Outbox out;
  nodes_[number].overlay->leave(local(nodes_[number]), out);
  carry_out(number, out);
}

void World::freeze(std::uint32_t number) {
  if (nodes_[number].state == State::kRunning) nodes_[number].state = State::kFrozen;
}

void World::thaw(std::uint32_t number) {
  Node& node = nodes_[number];
  if (node.state != State::kFrozen) return;
  node.state = State::kRunning;
  for (const Happening& h : std::exchange(node.inbox, {})) happen(h);
  node.armed = kNever;
  arm(number);
}

void World::make_hostile(std::uint32_t number) {
  Node& node = nodes_[number];
  if (node.overlay == nullptr || node.hostile != nullptr) return;
  node.hostile = std::make_unique<Hostile>(random_.next(), cards_.peer(number), cards_);
  schedule(now_ + kHostileEvery, What::kHostile, number, 0, 0);
}

void World::hostile_step(std::uint32_t number) {
  Node& node = nodes_[number];
  if (node.hostile == nullptr) return;
  schedule(now_ + kHostileEvery, What::kHostile, number, 0, 0);
  if (node.state != State::kRunning) return;
  Outbox out;
  node.hostile->attack(node.overlay->active(), node.overlay->passive(), out);
  carry_out(number, out);
}

void World::broadcast(std::uint32_t number, ByteView content) {
  Node& node = nodes_[number];
  Outbox out;
  const Status status = node.overlay->broadcast(local(node), cards_.sealed(cards_.id(number), content), out);
  ZS_BUS_ASSERT(status);
  carry_out(number, out);
}

std::uint32_t World::keep(Bytes bytes) {
  std::uint32_t at;
  if (free_messages_.empty()) {
    at = static_cast<std::uint32_t>(messages_held_.size());
    messages_held_.emplace_back();
  } else {
    at = free_messages_.back();
    free_messages_.pop_back();
  }
  messages_held_[at] = {std::move(bytes), 1};
  return at;
}

void World::release(std::uint32_t message) {
  if (--messages_held_[message].readers > 0) return;
  Bytes().swap(messages_held_[message].bytes);
  free_messages_.push_back(message);
}

void World::note_bytes(ByteView bytes) {
  std::uint64_t word = bytes.size();
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    std::uint64_t next = 0;
    for (std::size_t i = at; i < std::min(bytes.size(), at + 8); ++i)
      next |= std::uint64_t{bytes[i]} << (8 * (i - at));
    word = (word ^ next) * 0x9e3779b97f4a7c15ull;
    word ^= word >> 29;
  }
  note(word);
}

}  // namespace zswarm::bus
