#include "bus/overlay/views.h"

#include <algorithm>

namespace zswarm::bus {
namespace {

constexpr std::size_t kContactsMax = 8;
constexpr std::size_t kListMax = 16;  // cards in one shuffle

const NodeId& name_of(const auto& entry) {
  if constexpr (requires { entry.peer; }) {
    return entry.peer.id;
  } else {
    return entry.id;
  }
}

auto find_peer(auto& entries, const NodeId& id) {
  return std::find_if(entries.begin(), entries.end(), [&](const auto& e) { return name_of(e) == id; });
}

bool contains(const auto& peers, const NodeId& id) {
  return find_peer(peers, id) != peers.end();
}

Status malformed_views() {
  return fail(ErrorCode::kMalformed, "a message about views does not have the fields of its type");
}

Bytes peer_message(MessageType type, std::uint64_t first, const Peer& peer) {
  Writer writer(type, 2);
  writer.uint(first);
  write_peer(writer, peer);
  return writer.take();
}

void write_peers(Writer& writer, const std::vector<Peer>& peers) {
  writer.array(static_cast<std::uint32_t>(peers.size()));
  for (const Peer& peer : peers) write_peer(writer, peer);
}

std::vector<Peer> read_peers(Reader& fields, std::size_t card_bytes_max) {
  Reader list = fields.array(kListMax);
  std::vector<Peer> peers;
  while (list.left() > 0) peers.push_back(read_peer(list, card_bytes_max));
  return peers;
}

}  // namespace

Views::Views(const OverlayConfig& config, const Self& self, const CardCheck& cards, Random& random)
    : config_(config), self_(self), cards_(cards), random_(random), seek_again_(config.seek_again_min) {}

void Views::join(Time now, Peer contact, Outbox& out) {
  if (contact.id == self_.id || contains(active_, contact.id)) return;
  if (const auto at = find_peer(contacts_, contact.id); at != contacts_.end()) contacts_.erase(at);
  if (contacts_.size() == kContactsMax) contacts_.erase(contacts_.begin());
  contacts_.push_back(contact);
  pardon(contact.id);
  out.add(Admit{contact.id, contact.card});
  Writer writer(MessageType::kJoin, 1);
  write_peer(writer, {self_.id, self_.card});
  out.send(contact.id, writer.take());
  if (!contains(asked_, contact.id) && asked_.size() < config_.passive_max)
    asked_.push_back({std::move(contact), now + config_.neighbour_timeout, false});
}

void Views::leave(Outbox& out) {
  const Bytes goodbye = Writer(MessageType::kLeave, 1).uint(self_.incarnation).take();
  for (const Peer& peer : active_) out.send(peer.id, goodbye);
  while (!active_.empty()) remove_active(active_.size() - 1, out);
  passive_.clear();
  contacts_.clear();
  fallen_.clear();
  asked_.clear();
  seek_at_ = shuffle_at_ = kNever;
}

Status Views::on_message(Time now, const NodeId& from, const Header& header, ByteView message, Outbox& out) {
  Reader fields = Reader::of_message(message);
  if (!fields.ok()) return malformed_views();
  switch (header.type) {
    case MessageType::kJoin:
      return on_join(now, from, std::move(fields), out);
    case MessageType::kForwardJoin:
      return on_forward_join(now, from, std::move(fields), out);
    case MessageType::kNeighbour:
      return on_neighbour(now, from, std::move(fields), out);
    case MessageType::kNeighbourReply:
      return on_neighbour_reply(now, from, std::move(fields), out);
    case MessageType::kDisconnect:
      return on_disconnect(now, from, std::move(fields), out);
    case MessageType::kShuffle:
      return on_shuffle(now, from, std::move(fields), out);
    case MessageType::kShuffleReply:
      return on_shuffle_reply(now, from, std::move(fields), out);
    default:
      return fail(ErrorCode::kUnsupported, "a message is of a type that this version does not know");
  }
}

Status Views::on_join(Time now, const NodeId& from, Reader fields, Outbox& out) {
  Peer peer = read_peer(fields, config_.card_bytes_max);
  if (!fields.ok()) return malformed_views();
  if (peer.id != from) return fail(ErrorCode::kMalformed, "a node asked to join with another node's card");
  if (const Status valid = checked(now, peer, Source::kItself); !valid) return valid;
  pardon(from);
  for (const Peer& other : active_) {
    if (other.id == from) continue;
    out.send(other.id, peer_message(MessageType::kForwardJoin, config_.active_walk, peer));
  }
  add_active(now, std::move(peer), out);
  out.send(from, Writer(MessageType::kNeighbourReply, 1).boolean(true).take());
  return {};
}

Status Views::on_forward_join(Time now, const NodeId& from, Reader fields, Outbox& out) {
  const auto ttl = static_cast<std::uint8_t>(fields.uint(config_.active_walk));
  Peer peer = read_peer(fields, config_.card_bytes_max);
  if (!fields.ok()) return malformed_views();
  if (!contains(active_, from)) return {};  // walks run along links only
  if (peer.id == self_.id) return {};
  if (const Status valid = checked(now, peer, Source::kHearsay); !valid) return valid;
  const bool ends_here = ttl == 0 || active_.size() <= 1;
  if (ends_here && !contains(active_, peer.id) && !contains(asked_, peer.id)) {
    out.add(Admit{peer.id, peer.card});
    ask(now, peer, out);
    return {};
  }
  if (ttl == config_.passive_walk) add_passive(now, peer, out);
  if (ends_here) return {};
  std::vector<NodeId> next;
  for (const Peer& other : active_) {
    if (other.id != from && other.id != peer.id) next.push_back(other.id);
  }
  if (next.empty()) return {};
  out.send(next[random_.below(next.size())],
           peer_message(MessageType::kForwardJoin, static_cast<std::uint64_t>(ttl - 1), peer));
  return {};
}

Status Views::on_neighbour(Time now, const NodeId& from, Reader fields, Outbox& out) {
  const bool urgent = fields.uint(1) == 1;
  Peer peer = read_peer(fields, config_.card_bytes_max);
  if (!fields.ok()) return malformed_views();
  if (peer.id != from) return fail(ErrorCode::kMalformed, "a node asked for a link with another node's card");
  if (const Status valid = checked(now, peer, Source::kItself); !valid) return valid;
  pardon(from);
  const bool accept = urgent || contains(active_, from) || active_.size() < config_.active_max;
  out.add(Admit{from, peer.card});
  if (accept) {
    add_active(now, std::move(peer), out);
  } else {
    add_passive(now, std::move(peer), out);
  }
  out.send(from, Writer(MessageType::kNeighbourReply, 1).boolean(accept).take());
  return {};
}

Status Views::on_neighbour_reply(Time now, const NodeId& from, Reader fields, Outbox& out) {
  const bool accepted = fields.boolean();
  if (!fields.ok()) return malformed_views();
  const auto at = find_peer(asked_, from);
  if (at == asked_.end()) {
    // An answer that comes after we gave up, or that nobody asked for: the other side must not count us as
    // its neighbour.
    if (accepted && !contains(active_, from) && known(from) != nullptr)
      out.send(from, Writer(MessageType::kDisconnect, 0).take());
    return {};
  }
  Peer peer = std::move(at->peer);
  const bool renews = at->renews;
  asked_.erase(at);
  if (accepted) {
    const Peer added = peer;
    add_active(now, std::move(peer), out);
    if (renews && active_.size() > config_.active_target) drop_random(now, added, out);
    seek_again_ = config_.seek_again_min;
  } else {
    note_refused(from);
    add_passive(now, std::move(peer), out);
  }
  if (active_.size() < config_.active_target) seek_at_ = std::min(seek_at_, now);
  return {};
}

void Views::on_timer(Time now, Outbox& out) {
  bool lost = false;
  for (std::size_t i = asked_.size(); i-- > 0;) {
    if (asked_[i].deadline > now) continue;
    remove_passive(asked_[i].peer.id);  // it did not answer: no candidate any more
    asked_.erase(asked_.begin() + static_cast<std::ptrdiff_t>(i));
    lost = true;
  }
  while (!shunned_.empty() && shunned_.front().until <= now) shunned_.pop_front();
  if (lost && active_.size() < config_.active_target) seek_at_ = std::min(seek_at_, now);
  if (seek_at_ <= now) seek(now, out);
  ask_fallen(now, out);
  if (shuffle_at_ <= now) {
    // A third to either side, so that nodes that started together do not go on together.
    const auto spread = static_cast<std::size_t>(config_.shuffle_every.count() * 2 / 3);
    shuffle_at_ = now + config_.shuffle_every * 2 / 3 + Duration(random_.below(spread + 1));
    start_shuffle(out);
    renew_link(now, out);
  }
}

Time Views::next_timer() const {
  Time next = std::min(seek_at_, shuffle_at_);
  for (const Asked& asked : asked_) next = std::min(next, asked.deadline);
  for (const Fallen& fallen : fallen_) next = std::min(next, fallen.next);
  return next;
}

void Views::lose(Time now, const NodeId& id, Loss loss, Outbox& out) {
  const auto at = find_peer(active_, id);
  if (at != active_.end()) {
    Peer peer = *at;
    remove_active(static_cast<std::size_t>(at - active_.begin()), out);
    if (loss == Loss::kDropped) {
      note_refused(id);  // not asked again in this round
      add_passive(now, std::move(peer), out);
    }
    // Not at once: when a whole neighbourhood fails, its members do not all ask at the same moment.
    seek_at_ = std::min(seek_at_, now + Duration(random_.below(50'000)));
    seek_again_ = config_.seek_again_min;
  }
  if (loss == Loss::kGone) remove_passive(id);
}

void Views::shun(Time now, const NodeId& id, Duration time, Outbox& out) {
  lose(now, id, Loss::kGone, out);
  std::erase_if(asked_, [&](const Asked& asked) { return asked.peer.id == id; });
  std::erase_if(fallen_, [&](const Fallen& fallen) { return fallen.peer.id == id; });
  pardon(id);
  if (shunned_.size() == config_.shunned_max) shunned_.pop_front();
  shunned_.push_back({id, now + time});
}

void Views::bury(Time now, const NodeId& id, Outbox& out) {
  const Peer* peer = known(id);
  std::optional<Fallen> fallen;
  if (peer != nullptr) {
    const auto spread = static_cast<std::size_t>(config_.fallen_again.count()) + 1;
    const Time next = now + config_.fallen_again / 2 + Duration(random_.below(spread));
    fallen = Fallen{*peer, now, next, config_.fallen_again};
  }
  shun(now, id, config_.shun_for, out);
  if (!fallen) return;
  if (fallen_.size() >= config_.fallen_max) fallen_.erase(fallen_.begin());
  fallen_.push_back(std::move(*fallen));
}

void Views::pardon(const NodeId& id) {
  if (const auto at = find_peer(shunned_, id); at != shunned_.end()) shunned_.erase(at);
}

bool Views::is_shunned(Time now, const NodeId& id) const {
  const auto at = find_peer(shunned_, id);
  return at != shunned_.end() && at->until > now;
}

void Views::add_candidate(Time now, Peer peer, Outbox& out) {
  add_passive(now, std::move(peer), out);
  if (active_.size() < config_.active_target) seek_at_ = std::min(seek_at_, now);
}

void Views::renew_card(const Peer& peer) {
  for (std::vector<Peer>* list : {&active_, &passive_, &contacts_}) {
    if (const auto at = find_peer(*list, peer.id); at != list->end()) at->card = peer.card;
  }
  if (const auto at = find_peer(fallen_, peer.id); at != fallen_.end()) at->peer.card = peer.card;
  if (const auto at = find_peer(asked_, peer.id); at != asked_.end()) at->peer.card = peer.card;
}

bool Views::has_neighbour(const NodeId& id) const {
  return contains(active_, id);
}

const Peer* Views::known(const NodeId& id) const {
  if (const auto at = find_peer(active_, id); at != active_.end()) return &*at;
  if (const auto at = find_peer(passive_, id); at != passive_.end()) return &*at;
  return nullptr;
}

Status Views::checked(Time now, const Peer& peer, Source source) {
  const Peer* other = known(peer.id);
  if (other != nullptr && other->card == peer.card) return {};
  if (now - checks_since_ >= 1s) {
    checks_since_ = now;
    checks_ = 0;
  }
  if (source == Source::kHearsay && ++checks_ > config_.card_checks_per_s)
    return fail(ErrorCode::kBusy, "more new cards came in a second than this node checks");
  const Result<NodeId> owner = cards_.check(peer.card);
  if (!owner) return tl::unexpected(owner.error());
  if (*owner != peer.id) return fail(ErrorCode::kMalformed, "a card was shown under another node's name");
  return {};
}

void Views::add_active(Time now, Peer peer, Outbox& out) {
  remove_passive(peer.id);
  std::erase_if(fallen_, [&](const Fallen& fallen) { return fallen.peer.id == peer.id; });
  if (const auto at = find_peer(asked_, peer.id); at != asked_.end()) asked_.erase(at);
  if (const auto at = find_peer(active_, peer.id); at != active_.end()) {
    at->card = std::move(peer.card);
    return;
  }
  if (active_.size() >= config_.active_max) drop_random(now, peer, out);
  out.add(Admit{peer.id, peer.card});
  out.add(Link{peer.id});
  changes_.push_back({peer.id, true});
  active_.push_back(std::move(peer));
  if (shuffle_at_ == kNever) {
    shuffle_at_ = now + Duration(random_.below(static_cast<std::size_t>(config_.shuffle_every.count())));
  }
  if (active_.size() < config_.active_target && seek_at_ == kNever) seek_at_ = now + seek_again_;
}

void Views::remove_active(std::size_t at, Outbox& out) {
  const NodeId id = active_[at].id;
  active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(at));
  out.add(Unlink{id});
  changes_.push_back({id, false});
}

void Views::drop_random(Time now, const Peer& instead, Outbox& out) {
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < active_.size(); ++i) {
    if (active_[i].id != instead.id) others.push_back(i);
  }
  if (others.empty()) return;
  const std::size_t at = others[random_.below(others.size())];
  Peer peer = active_[at];
  Writer writer(MessageType::kDisconnect, 1);
  write_peer(writer, instead);
  out.send(peer.id, writer.take());
  remove_active(at, out);
  add_passive(now, std::move(peer), out);
}

Status Views::on_disconnect(Time now, const NodeId& from, Reader fields, Outbox& out) {
  const bool named = fields.left() > 0;
  const Peer instead = named ? read_peer(fields, config_.card_bytes_max) : Peer{};
  if (!fields.ok()) return malformed_views();
  if (!contains(active_, from)) return {};
  lose(now, from, Loss::kDropped, out);
  if (!named || instead.id == self_.id || contains(active_, instead.id) || contains(asked_, instead.id) ||
      is_shunned(now, instead.id) || active_.size() >= config_.active_max)
    return {};
  if (const Status valid = checked(now, instead, Source::kHearsay); !valid) return valid;
  out.add(Admit{instead.id, instead.card});
  ask(now, instead, out);
  return {};
}

void Views::add_passive(Time now, Peer peer, Outbox& out) {
  if (peer.id == self_.id || contains(active_, peer.id) || is_shunned(now, peer.id)) return;
  if (const auto at = find_peer(passive_, peer.id); at != passive_.end()) {
    if (at->card != peer.card) out.add(Admit{peer.id, peer.card});
    at->card = std::move(peer.card);
    return;
  }
  if (passive_.size() >= config_.passive_max) {
    auto victim = passive_.begin() + static_cast<std::ptrdiff_t>(random_.below(passive_.size()));
    while (!shown_.empty()) {
      const auto shown = find_peer(passive_, shown_.back());
      shown_.pop_back();
      if (shown == passive_.end()) continue;
      victim = shown;
      break;
    }
    passive_.erase(victim);
  }
  out.add(Admit{peer.id, peer.card});
  passive_.push_back(std::move(peer));
}

void Views::remove_passive(const NodeId& id) {
  if (const auto at = find_peer(passive_, id); at != passive_.end()) passive_.erase(at);
}

void Views::ask(Time now, const Peer& peer, Outbox& out) {
  out.send(peer.id, peer_message(MessageType::kNeighbour, active_.empty() ? 1 : 0, {self_.id, self_.card}));
  asked_.push_back({peer, now + config_.neighbour_timeout, false});
}

void Views::seek(Time now, Outbox& out) {
  seek_at_ = kNever;
  if (active_.size() >= config_.active_target) {
    refused_.clear();
    return;
  }
  // Who is alone asks twice as many at once: most of them may be dead.
  const std::size_t wanted =
      active_.empty() ? config_.active_target * 2 : config_.active_target - active_.size();
  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i < passive_.size(); ++i) {
    const NodeId& id = passive_[i].id;
    if (!contains(asked_, id) && std::find(refused_.begin(), refused_.end(), id) == refused_.end())
      candidates.push_back(i);
  }
  while (seeking() < wanted && !candidates.empty()) {
    const std::size_t at = random_.below(candidates.size());
    ask(now, passive_[candidates[at]], out);
    candidates.erase(candidates.begin() + static_cast<std::ptrdiff_t>(at));
  }
  if (seeking() > 0) return;  // an answer or its deadline goes on
  // Everybody has been asked: a pause, then a new round.
  refused_.clear();
  seek_at_ = now + seek_again_ + Duration(random_.below(static_cast<std::size_t>(seek_again_.count()) + 1));
  seek_again_ = std::min(seek_again_ * 2, config_.seek_again_max);
  if (!active_.empty()) return;
  for (const Peer& contact : std::vector<Peer>(contacts_)) join(now, contact, out);
}

void Views::note_refused(const NodeId& id) {
  if (std::find(refused_.begin(), refused_.end(), id) != refused_.end()) return;
  if (refused_.size() >= 2 * config_.passive_max) refused_.erase(refused_.begin());
  refused_.push_back(id);
}

std::vector<Peer> Views::sample(std::size_t active, std::size_t passive, const NodeId& except) {
  std::vector<Peer> chosen;
  const auto choose = [&](const std::vector<Peer>& from, std::size_t count) {
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (from[i].id != except) left.push_back(i);
    }
    for (; count > 0 && !left.empty(); --count) {
      const std::size_t at = random_.below(left.size());
      chosen.push_back(from[left[at]]);
      left.erase(left.begin() + static_cast<std::ptrdiff_t>(at));
    }
  };
  choose(active_, active);
  choose(passive_, passive);
  return chosen;
}

void Views::start_shuffle(Outbox& out) {
  if (active_.empty()) return;
  const NodeId to = active_[random_.below(active_.size())].id;
  const std::vector<Peer> peers = sample(config_.shuffle_active, config_.shuffle_passive, to);
  shown_.clear();
  for (const Peer& peer : peers) shown_.push_back(peer.id);
  Writer writer(MessageType::kShuffle, 3);
  writer.uint(config_.shuffle_walk);
  write_peer(writer, {self_.id, self_.card});
  write_peers(writer, peers);
  out.send(to, writer.take());
  shuffle_open_ = true;
}

void Views::renew_link(Time now, Outbox& out) {
  if (random_.below(4) == 0 && !contacts_.empty()) {
    ask_instead(now, Peer(contacts_[random_.below(contacts_.size())]), out);
  } else if (!passive_.empty()) {
    ask_instead(now, Peer(passive_[random_.below(passive_.size())]), out);
  }
}

void Views::ask_instead(Time now, const Peer& peer, Outbox& out) {
  if (contains(active_, peer.id) || contains(asked_, peer.id)) return;
  ask(now, peer, out);
  asked_.back().renews = true;
}

void Views::ask_fallen(Time now, Outbox& out) {
  std::erase_if(fallen_, [&](const Fallen& f) { return f.since + config_.fallen_for <= now; });
  for (Fallen& fallen : fallen_) {
    if (fallen.next > now) continue;
    fallen.again = std::min(fallen.again * 2, config_.fallen_again_max);
    fallen.next =
        now + fallen.again / 2 + Duration(random_.below(static_cast<std::size_t>(fallen.again.count())));
    ask_instead(now, fallen.peer, out);
  }
}

/// Questions under way that lead to one link more.
std::size_t Views::seeking() const {
  return static_cast<std::size_t>(
      std::count_if(asked_.begin(), asked_.end(), [](const Asked& asked) { return !asked.renews; }));
}

Status Views::on_shuffle(Time now, const NodeId& from, Reader fields, Outbox& out) {
  const auto ttl = fields.uint(config_.shuffle_walk);
  Peer origin = read_peer(fields, config_.card_bytes_max);
  std::vector<Peer> peers = read_peers(fields, config_.card_bytes_max);
  if (!fields.ok()) return malformed_views();
  if (!contains(active_, from) || origin.id == self_.id || is_shunned(now, origin.id)) return {};
  // At each step of the walk, so that whoever hands on a false card is at fault.
  if (const Status valid = checked(now, origin, Source::kHearsay); !valid) return valid;
  std::vector<NodeId> next;
  for (const Peer& other : active_) {
    if (other.id != from && other.id != origin.id) next.push_back(other.id);
  }
  if (ttl > 0 && !next.empty()) {
    Writer writer(MessageType::kShuffle, 3);
    writer.uint(ttl - 1);
    write_peer(writer, origin);
    write_peers(writer, peers);
    out.send(next[random_.below(next.size())], writer.take());
    return {};
  }
  const std::vector<Peer> answer = sample(0, peers.size() + 1, origin.id);
  out.add(Admit{origin.id, origin.card});
  Writer writer(MessageType::kShuffleReply, 1);
  write_peers(writer, answer);
  out.send(origin.id, writer.take());
  for (const Peer& peer : answer) shown_.push_back(peer.id);
  const bool direct = from == origin.id;
  peers.push_back(std::move(origin));
  Status shown = integrate(now, std::move(peers), out);
  // What others show is not looked at on its way here.
  return direct ? shown : Status();
}

Status Views::on_shuffle_reply(Time now, const NodeId&, Reader fields, Outbox& out) {
  std::vector<Peer> peers = read_peers(fields, config_.card_bytes_max);
  if (!fields.ok()) return malformed_views();
  if (!std::exchange(shuffle_open_, false)) return {};
  return integrate(now, std::move(peers), out);
}

Status Views::integrate(Time now, std::vector<Peer> peers, Outbox& out) {
  Status status;
  for (Peer& peer : peers) {
    if (peer.id == self_.id || is_shunned(now, peer.id) || contains(active_, peer.id)) continue;
    if (Status valid = checked(now, peer, Source::kHearsay); valid) {
      add_passive(now, std::move(peer), out);
    } else if (status || valid.error().code == ErrorCode::kMalformed) {
      status = std::move(valid);  // a fault is told before what may be a matter of time
    }
  }
  shown_.clear();
  if (active_.size() < config_.active_target && seek_at_ == kNever && asked_.empty()) seek_at_ = now;
  return status;
}

}  // namespace zswarm::bus
