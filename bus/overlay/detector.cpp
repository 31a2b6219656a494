#include "bus/overlay/detector.h"

#include <algorithm>
#include <array>

namespace zswarm::bus {
namespace {

constexpr std::uint64_t kFromNeighbour =
    1;  // flag of a probe: the sender counts the receiver as its neighbour
// Until more is known, a node is patient: as if one segment of five were lost, which counts as so many
// exchanges.
constexpr std::int64_t kLateAtFirstPpm = 360'000;
constexpr std::int64_t kSamplesAtFirst = 16;
// The memory of the measure: at two exchanges in three seconds for each link, two minutes of a node with five
// links. Its spread, and the neighbours' share in it, keep a lossy network from looking like a sound one.
constexpr std::int64_t kSamplesMax = 512;
constexpr Duration kSlowestAnswer = 2s;  // later ones say that one of us slept, not how the network is
constexpr Duration kUnknownRoundTrip = 100ms;
constexpr Duration kRetransmit = 200ms;  // RFC 6298's timeout beside the round trip, with Linux's minimum
constexpr std::size_t kCalledMax = 16;   // names in one call
constexpr Duration kSettling =
    5s;  // after a link came about, or an instance changed, old messages may arrive

Status malformed_probe() {
  return fail(ErrorCode::kMalformed,
              "a message of the failure detector does not have the fields of its type");
}

/// log(c + 1) / log(k + 1) in thousandths, for c <= k <= 8; written out, since the C library's logarithms
/// differ between machines and a simulation must not.
std::int64_t share_of_dogpile(std::uint32_t c, std::uint32_t k) {
  static constexpr std::array<std::int64_t, 9> kLog = {0, 693, 1099, 1386, 1609, 1792, 1946, 2079, 2197};
  if (k == 0) return 0;
  k = std::min(k, 8u);
  return kLog[std::min(c, k)] * 1000 / kLog[k];
}

}  // namespace

Detector::Detector(const OverlayConfig& config, Self& self, const CardCheck& cards, Random& random)
    : config_(config),
      self_(self),
      cards_(cards),
      random_(random),
      late_ppm_(kLateAtFirstPpm),
      samples_(kSamplesAtFirst),
      sequence_(static_cast<std::uint32_t>(random.next())) {}

void Detector::add(Time now, const Peer& peer) {
  if (find(peer.id) != nullptr) return;
  if (is_audited(peer.id)) audited_.reset();
  Neighbour n;
  n.peer = peer;
  // What is said of its end must name a life that others know, also if it never answers a probe.
  n.incarnation = cards_.incarnation(peer.card);
  n.linked = now;
  // The first probe comes soon: it measures the round trip and shows whether the link is mutual.
  n.due = now + jittered(config_.probe_every / 4);
  neighbours_.push_back(std::move(n));
}

void Detector::remove(const NodeId& id) {
  std::erase_if(neighbours_, [&](const Neighbour& n) { return n.peer.id == id; });
}

void Detector::renew_card(const Peer& peer) {
  if (Neighbour* neighbour = find(peer.id)) neighbour->peer.card = peer.card;
}

Detector::Neighbour* Detector::find(const NodeId& id) {
  const auto at = std::find_if(neighbours_.begin(), neighbours_.end(),
                               [&](const Neighbour& n) { return n.peer.id == id; });
  return at == neighbours_.end() ? nullptr : &*at;
}

Detector::Neighbour* Detector::watched(const NodeId& id) {
  return is_audited(id) ? &*audited_ : find(id);
}

Duration Detector::jittered(Duration d) {
  const auto half = static_cast<std::size_t>(d.count() / 2);
  return d - d / 4 + Duration(random_.below(half + 1));
}

Duration Detector::probe_timeout(const Neighbour& n) const {
  const Duration base = n.srtt.count() == 0 ? config_.probe_timeout_min * 2 : n.srtt + 4 * n.rttvar;
  return std::clamp(base, config_.probe_timeout_min, config_.probe_timeout_max) * (health_ + 1);
}

std::uint32_t Detector::late_ppm() const {
  std::int64_t sum = late_ppm_, count = 1;
  for (const Neighbour& n : neighbours_) {
    if (!n.late_ppm) continue;
    sum += *n.late_ppm;
    ++count;
  }
  return static_cast<std::uint32_t>(sum / count);
}

/// How long a live neighbour may be silent, on all paths together. A connection that loses a segment n times
/// stands still for (2^n - 1) x (200 ms + a round trip). In a sound network we wait for three losses of the
/// call and its way back; so a live node is silent if, on control and gossip alike, one way loses a segment
/// four times: at a tenth of all segments that is 2 x (10^-4)^2, before any helper is asked.
Duration Detector::patience(const Neighbour& n) const {
  const Duration round_trip = n.srtt.count() == 0 ? kUnknownRoundTrip : n.fastest;
  const Duration sound = config_.probe_timeout_max + 7 * (kRetransmit + round_trip) + round_trip;
  const Duration trouble = std::max(sound, config_.patience_in_trouble);
  const std::int64_t range = std::max(1u, config_.trouble_late_ppm - config_.sound_late_ppm);
  const std::int64_t above = std::int64_t{late_ppm()} - config_.sound_late_ppm;
  const Duration of_losses = sound + (trouble - sound) * std::clamp<std::int64_t>(above, 0, range) / range;
  if (n.pause.count() == 0) return of_losses;
  return std::max(of_losses, std::min(n.pause * 5 / 4 + 1s, config_.patience_max));
}

Time Detector::end_of_suspicion(const Neighbour& n) const {
  const Word word = word_of_machine(n);
  if (word == Word::kRefuses) return n.suspected + config_.suspicion_min;
  if (word == Word::kListens) return n.probed + config_.patience_with_frozen;
  const Duration range = config_.suspicion_max - config_.suspicion_min;
  const auto k = static_cast<std::uint32_t>(std::min(config_.confirmations, n.helpers.size()));
  const auto c = static_cast<std::uint32_t>(n.nacks.size());
  const Duration dogpile = config_.suspicion_max - range * share_of_dogpile(c, k) / 1000;
  return std::max(n.suspected + dogpile, n.probed + patience(n));
}

Duration Detector::own_pause(Time now) const {
  return now - paused_ > config_.remember_pause ? Duration(0) : pause_;
}

Bytes Detector::probe_message(Time now, std::uint32_t sequence, bool neighbour,
                              std::uint64_t suspected) const {
  return Writer(MessageType::kProbe, 6, sequence)
      .uint(self_.incarnation)
      .uint(self_.instance)
      .uint(neighbour ? kFromNeighbour : 0)
      .uint(suspected)
      .uint(static_cast<std::uint64_t>(late_ppm_ / 1000))
      .uint(static_cast<std::uint64_t>(own_pause(now) / 1ms))
      .take();
}

void Detector::probe(Time now, Neighbour& n, Outbox& out) {
  // The last one's answer has not come although the neighbour lives: it met a loss, if it comes at all.
  if (!n.answered) note_exchange(true);
  n.answered = false;
  n.sequence = ++sequence_;
  n.probed = now;
  n.nacks.clear();
  n.helpers.clear();
  n.refused_there.clear();
  n.word = n.told = Word::kNone;
  n.stage = Stage::kDirect;
  n.due = now + probe_timeout(n);
  out.send(n.peer.id, probe_message(now, n.sequence, true, 0));
}

void Detector::call(Time now, Neighbour& n, Outbox& out) {
  n.stage = Stage::kCalled;
  n.due = now + config_.call_timeout * (health_ + 1);
  // Each neighbour listens to one of the topics.
  for (const Topic topic : {Topic::kEager, Topic::kLazy}) {
    Writer message(MessageType::kProbeCall, 1);
    out.publish(topic, message.array(1).id(n.peer.id).take());
  }
}

void Detector::ask_helpers(Neighbour& n, Outbox& out) {
  const Bytes request =
      Writer(MessageType::kProbeRequest, 2, n.sequence).id(n.peer.id).bin(n.peer.card).take();
  for (const Neighbour& other : neighbours_) {
    if (other.peer.id == n.peer.id || other.stage == Stage::kSuspect) continue;
    n.helpers.push_back(other.peer.id);
    out.send(other.peer.id, request);
  }
}

void Detector::suspect(Time now, Neighbour& n, Outbox& out) {
  n.stage = Stage::kSuspect;
  n.suspected = now;
  // The suspect learns of it and refutes; the connection may be a new one by now.
  out.send(n.peer.id, probe_message(now, n.sequence, true, n.incarnation));
  ask_helpers(n, out);
  n.knocks = {};
  knock(now, n.peer.id, n.knocks, n.word, out);
  n.due = n.called_dead ? last_look(now, n) : end_of_suspicion(n);
  findings_.push_back({Kind::kSuspected, n.peer.id, n.incarnation});
}

void Detector::worse(std::uint32_t by) {
  health_ = std::min(health_ + by, config_.health_max);
}

void Detector::step(Time now, Neighbour& n, Outbox& out) {
  switch (n.stage) {
    case Stage::kQuiet:
      return probe(now, n, out);
    case Stage::kDirect:
      return call(now, n, out);
    case Stage::kCalled:
      return suspect(now, n, out);
    case Stage::kSuspect:
      // Lifeguard: helpers that say nothing at all make us doubt ourselves; if they had the time to.
      if (!n.called_dead) worse(static_cast<std::uint32_t>(n.helpers.size() - n.nacks.size()));
      findings_.push_back({verdict(n), n.peer.id, n.incarnation});
      n.due = now + config_.suspicion_max;  // the owner removes it; if not, it is found dead again
      return;
  }
}

Detector::Kind Detector::verdict(const Neighbour& n) const {
  if (n.called_dead) return Kind::kDeadAsTold;
  // Of whom nothing was heard since the link came about may not have been reachable at all: that is a link
  // given up, no death.
  return n.spoke ? Kind::kDead : Kind::kUnreachable;
}

void Detector::on_timer(Time now, Outbox& out) {
  for (Neighbour& n : neighbours_) {
    if (n.due <= now) step(now, n, out);
    if (n.stage == Stage::kSuspect && n.knocks.next <= now) knock(now, n.peer.id, n.knocks, n.word, out);
  }
  if (audited_ && audited_->knocks.next <= now)
    knock(now, audited_->peer.id, audited_->knocks, audited_->word, out);
  if (audited_ && audited_->due <= now) audit_step(now, out);
  for (std::size_t i = relays_.size(); i-- > 0;) {
    Relay& relay = relays_[i];
    if (relay.knocks.next <= now) {
      knock(now, relay.target, relay.knocks, relay.told, out);
      if (relay.knocks.count >= config_.knocks_max) relay.knocks.next = kNever;
    }
    if (relay.nack_at > now) continue;
    if (!relay.passes_on) {
      if (!relay.nacked) nack(relay, Word::kNone, out);
      relay.passes_on = true;
      relay.nack_at = now + config_.relay_for;  // what comes later is still passed on
    } else {
      relays_.erase(relays_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

Time Detector::next_of(const Neighbour& n) {
  return n.stage == Stage::kSuspect ? std::min(n.due, n.knocks.next) : n.due;
}

Time Detector::next_of(const Relay& relay) {
  return std::min(relay.nack_at, relay.knocks.next);
}

Time Detector::next_timer() const {
  Time next = kNever;
  for (const Neighbour& n : neighbours_) next = std::min(next, next_of(n));
  for (const Relay& relay : relays_) next = std::min(next, next_of(relay));
  if (audited_) next = std::min(next, next_of(*audited_));
  return next;
}

void Detector::on_stall(Time now, Duration pause) {
  worse(2);
  pause_ = std::max(own_pause(now), std::min(pause, config_.patience_max));
  paused_ = now;
  relays_.clear();
  audited_.reset();
  for (Neighbour& n : neighbours_) {
    if (n.stage == Stage::kSuspect) findings_.push_back({Kind::kRefuted, n.peer.id, n.incarnation});
    quiet(now, n);
    n.answered = true;  // as far as others are to blame
    n.due = now + jittered(config_.probe_every / 4);
  }
}

void Detector::check_now(Time now, const NodeId& id, Outbox& out) {
  Neighbour* n = find(id);
  if (n != nullptr && n->stage == Stage::kQuiet) probe(now, *n, out);
}

void Detector::called_dead(Time now, const NodeId& id, Outbox& out) {
  check_now(now, id, out);
  Neighbour* n = find(id);
  if (n == nullptr) return;
  n->called_dead = true;
  if (n->stage == Stage::kSuspect && word_of_machine(*n) != Word::kListens) n->due = last_look(now, *n);
}

void Detector::quiet(Time now, Neighbour& n) {
  n.stage = Stage::kQuiet;
  n.called_dead = false;
  n.due = now + jittered(config_.probe_every);
}

void Detector::alive(Time now, Neighbour& n) {
  if (n.stage == Stage::kSuspect) {
    worse(1);  // a false suspicion: we are too quick for this network
    findings_.push_back({Kind::kRefuted, n.peer.id, n.incarnation});
  }
  quiet(now, n);
}

void Detector::heard(Time now, const NodeId& from) {
  if (is_audited(from)) audited_.reset();
  Neighbour* n = find(from);
  if (n == nullptr) return;
  n->indirect_rounds = 0;
  n->spoke = true;
  // A quiet neighbour's probe still comes in its time: it also shows whether the link is mutual.
  if (n->stage != Stage::kQuiet) alive(now, *n);
}

Status Detector::on_message(Time now, const NodeId& from, const Header& header, ByteView message,
                            Outbox& out) {
  Reader fields = Reader::of_message(message);
  if (!fields.ok()) return malformed_probe();
  switch (header.type) {
    case MessageType::kProbe:
      return on_probe(now, from, header.request_id, std::move(fields), out);
    case MessageType::kProbeAck:
      return on_ack(now, from, header.request_id, std::move(fields), out);
    case MessageType::kProbeRequest:
      return on_request(now, from, header.request_id, std::move(fields), out);
    case MessageType::kProbeNack:
      return on_nack(now, from, header.request_id, std::move(fields));
    case MessageType::kProbeCall:
      return on_call(now, from, std::move(fields), out);
    case MessageType::kProbeHere:
      return {};  // that it came is all it says: heard()
    default:
      return fail(ErrorCode::kUnsupported, "a message is of a type that this version does not know");
  }
}

Status Detector::on_probe(Time now, const NodeId& from, std::uint32_t sequence, Reader fields, Outbox& out) {
  const std::uint64_t incarnation = fields.uint(), instance = fields.uint(), flags = fields.uint();
  const std::uint64_t suspected = fields.uint();
  const bool tells_more = fields.left() > 0;
  const std::uint64_t late = tells_more ? fields.uint(1000) : 0;
  const std::uint64_t pause = tells_more ? fields.uint(UINT32_MAX) : 0;
  if (!fields.ok()) return malformed_probe();
  if (suspected >= self_.incarnation && suspected - self_.incarnation <= kIncarnationJumpMax) {
    self_.incarnation = suspected + 1;
    worse(1);
    findings_.push_back({Kind::kSelfSuspected, self_.id, self_.incarnation});
  }
  Neighbour* n = find(from);
  out.send(from, Writer(MessageType::kProbeAck, 3, sequence)
                     .uint(self_.incarnation)
                     .uint(self_.instance)
                     .boolean(n != nullptr)
                     .take());
  if (n == nullptr) return {};
  learn(now, *n, incarnation, instance);
  if (tells_more) {
    n->late_ppm = static_cast<std::uint32_t>(late * 1000);
    n->pause =
        std::min<Duration>(std::chrono::milliseconds(static_cast<std::int64_t>(pause)), config_.patience_max);
  }
  // The exchange shows both that the other lives: our own probe of this round is left out.
  if ((flags & kFromNeighbour) != 0 && n->stage == Stage::kQuiet) quiet(now, *n);
  return {};
}

Status Detector::on_ack(Time now, const NodeId& from, std::uint32_t sequence, Reader fields, Outbox& out) {
  const std::uint64_t incarnation = fields.uint(), instance = fields.uint();
  const bool neighbour = fields.boolean();
  const bool relayed = fields.left() > 0;
  const NodeId target = relayed ? fields.id() : from;
  if (!fields.ok()) return malformed_probe();
  if (relayed && is_audited(target)) {
    if (audited_->sequence == sequence) audited_.reset();
    return {};
  }
  if (relayed) {
    Neighbour* n = find(target);
    if (n == nullptr || n->sequence != sequence || n->stage == Stage::kQuiet) return {};
    n->incarnation = std::max(n->incarnation, std::min(incarnation, n->incarnation + kIncarnationJumpMax));
    alive(now, *n);
    if (++n->indirect_rounds >= config_.indirect_rounds_max)
      findings_.push_back({Kind::kUnreachable, target, n->incarnation});
    return {};
  }
  for (std::size_t i = relays_.size(); i-- > 0;) {
    const Relay& relay = relays_[i];
    if (relay.target != from || relay.sequence != sequence) continue;
    out.send(relay.asker, Writer(MessageType::kProbeAck, 4, relay.asker_sequence)
                              .uint(incarnation)
                              .uint(instance)
                              .boolean(neighbour)
                              .id(from)
                              .take());
    relays_.erase(relays_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  Neighbour* n = find(from);
  if (n == nullptr) return {};
  learn(now, *n, incarnation, instance);
  if (sequence != n->sequence) return {};
  n->answered = true;
  if (health_ > 0 && now - n->probed < kSlowestAnswer) --health_;
  measure(*n, now - n->probed);
  quiet(now, *n);
  if (!neighbour && now - n->linked > kSettling) findings_.push_back({Kind::kNotMutual, from, incarnation});
  return {};
}

void Detector::measure(Neighbour& n, Duration rtt) {
  rtt = std::clamp(rtt, Duration(1), kSlowestAnswer);
  if (n.srtt.count() == 0) {
    n.srtt = n.fastest = rtt;
    n.rttvar = rtt / 2;
    return;
  }
  if (rtt + config_.late_answer < n.fastest) note_exchange(true);  // all that came before were late
  n.rttvar = (3 * n.rttvar + std::chrono::abs(n.srtt - rtt)) / 4;
  n.srtt = (7 * n.srtt + rtt) / 8;
  n.fastest = std::min(rtt, n.fastest + n.fastest / 64);  // routes change
  note_exchange(rtt > n.fastest + config_.late_answer);
}

void Detector::note_exchange(bool late) {
  samples_ = std::min(samples_ + 1, kSamplesMax);
  late_ppm_ += ((late ? 1'000'000 : 0) - late_ppm_) / samples_;
}

Status Detector::on_request(Time now, const NodeId& from, std::uint32_t sequence, Reader fields,
                            Outbox& out) {
  const NodeId target = fields.id();
  const ByteView card = fields.bin(config_.card_bytes_max);
  if (!fields.ok()) return malformed_probe();
  if (find(from) == nullptr || target == self_.id) return {};
  if (relays_.size() >= config_.relays_max)
    return fail(ErrorCode::kBusy, "this node already makes as many probes for others as it may");
  const bool ours = find(target) != nullptr;
  if (!ours) {
    const Result<NodeId> owner = cards_.check(card);
    if (!owner) return tl::unexpected(owner.error());
    if (*owner != target) return fail(ErrorCode::kMalformed, "a card was shown under another node's name");
    Bytes copy(card.begin(), card.end());
    out.add(Admit{target, std::move(copy)});
  }
  relays_.push_back({from, target, sequence, ++sequence_, now + config_.helper_timeout});
  out.send(target, probe_message(now, sequence_, ours, 0));
  knock(now, target, relays_.back().knocks, Word::kNone, out);
  return {};
}

Status Detector::on_nack(Time now, const NodeId& from, std::uint32_t sequence, Reader fields) {
  const NodeId target = fields.id();
  const std::uint64_t said = fields.left() > 0 ? fields.uint() : 0;  // a later version may say more
  if (!fields.ok()) return malformed_probe();
  Neighbour* n = watched(target);
  if (n == nullptr || n->sequence != sequence || n->stage == Stage::kQuiet) return {};
  const auto has = [&](const std::vector<NodeId>& ids) {
    return std::find(ids.begin(), ids.end(), from) != ids.end();
  };
  if (!has(n->helpers)) return {};
  if (!has(n->nacks)) n->nacks.push_back(from);
  if (said == static_cast<std::uint64_t>(Word::kRefuses) && !has(n->refused_there))
    n->refused_there.push_back(from);
  // Of helpers that contradict each other the one counts that saw it live.
  if (said == static_cast<std::uint64_t>(Word::kListens)) {
    n->told = Word::kListens;
  } else if (said == static_cast<std::uint64_t>(Word::kRefuses) && n->told == Word::kNone) {
    n->told = Word::kRefuses;
  }
  if (is_audited(target)) {
    audit_told(now);
  } else if (n->stage == Stage::kSuspect && !n->called_dead) {
    n->due = std::max(now, end_of_suspicion(*n));
  }
  return {};
}

Status Detector::on_call(Time now, const NodeId& from, Reader fields, Outbox& out) {
  Reader called = fields.array(kCalledMax);
  bool us = false;
  while (called.left() > 0) us = called.id() == self_.id || us;
  if (!fields.ok()) return malformed_probe();
  if (!us || find(from) == nullptr || now - here_said_ < config_.here_every) return {};
  here_said_ = now;
  for (const Topic topic : {Topic::kEager, Topic::kLazy})
    out.publish(topic, Writer(MessageType::kProbeHere, 0).take());
  return {};
}

void Detector::learn(Time now, Neighbour& n, std::uint64_t incarnation, std::uint64_t instance) {
  if (n.instance == 0 ||
      (instance != n.instance && incarnation > n.incarnation && instance != n.old_instance)) {
    n.old_instance = n.instance;  // a restart
    n.instance = instance;
    n.instance_since = now;
    n.old_seen = 0;
  }
  if (instance == n.instance) {
    n.incarnation = std::max(n.incarnation, incarnation);
    return;
  }
  // Another process than the one we know. Right after a restart these may be its last words.
  if (++n.old_seen < 2 || now - n.instance_since < kSettling) return;
  if (n.last_duplicate.since_start != Duration::min() && now - n.last_duplicate < 60s) return;
  n.last_duplicate = now;
  findings_.push_back({Kind::kDuplicate, n.peer.id, incarnation});
}

std::vector<Detector::Link> Detector::links() const {
  std::vector<Link> links;
  for (const Neighbour& n : neighbours_) links.push_back({n.peer.id, n.srtt, n.stage == Stage::kSuspect});
  return links;
}

}  // namespace zswarm::bus
