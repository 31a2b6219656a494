#include "bus/overlay/detector.h"

#include <algorithm>
#include <array>

namespace zswarm::bus {
namespace {

constexpr std::uint64_t kFromNeighbour =
    1;  // flag of a probe: the sender counts the receiver as its neighbour
// A suspicion that claims an incarnation so far ahead of ours is a lie; refuting it would let a liar use up
// the range.
constexpr std::uint64_t kIncarnationJumpMax = 1u << 20;
// Until more is known: as if one segment of ten were lost.
constexpr std::uint32_t kLateAtFirstPpm = 190'000;
constexpr Duration kSettling =
    5s;  // after a link came about, or an instance changed, old messages may arrive

Status malformed() {
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

/// How long a live neighbour may be silent, probes on all paths included, if such a share of exchanges meets
/// a lost segment. An exchange has two ways, so a segment is lost with p = 1 - sqrt(1 - late). A connection
/// then stands still for about 0.25 x (2^n - 1) s (a timeout of 200 ms and a round trip, doubling) with
/// probability p^n. The table has the end of the stall that comes with less than 10^-5 (10^-4 above p =
/// 0.15); the other paths, over helpers, fail independently.
Duration patience(std::uint32_t late_ppm) {
  struct Point {
    std::int64_t late_ppm, ms;
  };
  static constexpr std::array<Point, 8> kPoints = {{{0, 2200},        // p = 0
                                                    {97'500, 3000},   // 0.05
                                                    {190'000, 4200},  // 0.1
                                                    {277'500, 6500},  // 0.15
                                                    {360'000, 9000},  // 0.2
                                                    {437'500, 14000},
                                                    {510'000, 20000},
                                                    {1'000'000, 20000}}};
  const auto after = std::find_if(kPoints.begin() + 1, kPoints.end() - 1,
                                  [&](const Point& p) { return p.late_ppm >= late_ppm; });
  const Point &a = *(after - 1), &b = *after;
  const std::int64_t share = std::int64_t{late_ppm} - a.late_ppm;
  return Duration((a.ms + (b.ms - a.ms) * share / (b.late_ppm - a.late_ppm)) * 1000);
}

}  // namespace

Detector::Detector(const OverlayConfig& config, Self& self, const CardCheck& cards, Random& random)
    : config_(config),
      self_(self),
      cards_(cards),
      random_(random),
      late_ppm_(kLateAtFirstPpm),
      sequence_(static_cast<std::uint32_t>(random.next())) {}

void Detector::add(Time now, const Peer& peer) {
  if (find(peer.id) != nullptr) return;
  Neighbour n;
  n.peer = peer;
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

Duration Detector::jittered(Duration d) {
  const auto half = static_cast<std::size_t>(d.count() / 2);
  return d - d / 4 + Duration(random_.below(half + 1));
}

Duration Detector::probe_timeout(const Neighbour& n) const {
  const Duration base = n.srtt.count() == 0 ? config_.probe_timeout_min * 2 : n.srtt + 4 * n.rttvar;
  return std::clamp(base, config_.probe_timeout_min, config_.probe_timeout_max) * (health_ + 1);
}

Time Detector::end_of_suspicion(const Neighbour& n) const {
  const Duration range = config_.suspicion_max - config_.suspicion_min;
  const auto k = static_cast<std::uint32_t>(config_.helpers);
  const auto c = static_cast<std::uint32_t>(std::min(n.nacks.size(), config_.helpers));
  const Duration dogpile = config_.suspicion_max - range * share_of_dogpile(c, k) / 1000;
  return std::max(n.suspected + dogpile, n.probed + patience(late_ppm_));
}

Bytes Detector::probe_message(std::uint32_t sequence, bool neighbour, std::uint64_t suspected) const {
  return Writer(MessageType::kProbe, 4, sequence)
      .uint(self_.incarnation)
      .uint(self_.instance)
      .uint(neighbour ? kFromNeighbour : 0)
      .uint(suspected)
      .take();
}

void Detector::probe(Time now, Neighbour& n, Outbox& out) {
  n.sequence = ++sequence_;
  n.probed = now;
  n.nacks.clear();
  n.helpers.clear();
  n.stage = Stage::kDirect;
  n.due = now + probe_timeout(n);
  out.send(n.peer.id, probe_message(n.sequence, true, 0));
}

void Detector::ask_helpers(Neighbour& n, std::size_t count, Outbox& out) {
  std::vector<const Neighbour*> others;
  for (const Neighbour& other : neighbours_) {
    const bool asked = std::find(n.helpers.begin(), n.helpers.end(), other.peer.id) != n.helpers.end();
    if (!asked && other.peer.id != n.peer.id && other.stage != Stage::kSuspect) others.push_back(&other);
  }
  while (n.helpers.size() < count && !others.empty()) {
    const std::size_t at = random_.below(others.size());
    n.helpers.push_back(others[at]->peer.id);
    out.send(others[at]->peer.id,
             Writer(MessageType::kProbeRequest, 2, n.sequence).id(n.peer.id).bin(n.peer.card).take());
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

void Detector::suspect(Time now, Neighbour& n, Outbox& out) {
  n.stage = Stage::kSuspect;
  n.suspected = now;
  // Others have waited for it already: our own look was the last one.
  n.due = n.called_dead ? now : end_of_suspicion(n);
  // The suspect learns of it and refutes; the connection may be a new one by now.
  out.send(n.peer.id, probe_message(n.sequence, true, n.incarnation));
  ask_helpers(n, config_.active_max, out);  // on all paths that there are
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
      ask_helpers(n, config_.helpers, out);
      n.stage = Stage::kIndirect;
      n.due = now + config_.indirect_timeout * (health_ + 1);
      return;
    case Stage::kIndirect:
      return suspect(now, n, out);
    case Stage::kSuspect:
      // Lifeguard: helpers that say nothing at all make us doubt ourselves.
      worse(static_cast<std::uint32_t>(n.helpers.size() - n.nacks.size()));
      findings_.push_back({verdict(n), n.peer.id, n.incarnation});
      n.due = now + config_.suspicion_max;  // the owner removes it; if not, it is found dead again
      return;
  }
}

Detector::Kind Detector::verdict(const Neighbour& n) const {
  if (n.called_dead) return Kind::kDeadAsTold;
  // Who has never answered may not have been reachable at all: that is a link given up, no death.
  return n.srtt.count() == 0 ? Kind::kUnreachable : Kind::kDead;
}

void Detector::on_timer(Time now, Outbox& out) {
  for (Neighbour& n : neighbours_) {
    if (n.due <= now) step(now, n, out);
  }
  for (std::size_t i = relays_.size(); i-- > 0;) {
    Relay& relay = relays_[i];
    if (relay.nack_at > now) continue;
    if (!relay.nacked) {
      out.send(relay.asker, Writer(MessageType::kProbeNack, 1, relay.asker_sequence).id(relay.target).take());
      relay.nacked = true;
      relay.nack_at = now + config_.relay_for;  // what comes later is still passed on
    } else {
      relays_.erase(relays_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

Time Detector::next_timer() const {
  Time next = kNever;
  for (const Neighbour& n : neighbours_) next = std::min(next, n.due);
  for (const Relay& relay : relays_) next = std::min(next, relay.nack_at);
  return next;
}

void Detector::on_stall(Time now) {
  worse(2);
  relays_.clear();
  for (Neighbour& n : neighbours_) {
    if (n.stage == Stage::kSuspect) findings_.push_back({Kind::kRefuted, n.peer.id, n.incarnation});
    quiet(now, n);
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
  if (n->stage == Stage::kSuspect) n->due = now;
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
  Neighbour* n = find(from);
  if (n == nullptr) return;
  n->indirect_rounds = 0;
  // A quiet neighbour's probe still comes in its time: it also shows whether the link is mutual.
  if (n->stage != Stage::kQuiet) alive(now, *n);
}

Status Detector::on_message(Time now, const NodeId& from, const Header& header, ByteView message,
                            Outbox& out) {
  Reader fields = Reader::of_message(message);
  if (!fields.ok()) return malformed();
  switch (header.type) {
    case MessageType::kProbe:
      return on_probe(now, from, header.request_id, std::move(fields), out);
    case MessageType::kProbeAck:
      return on_ack(now, from, header.request_id, std::move(fields), out);
    case MessageType::kProbeRequest:
      return on_request(now, from, header.request_id, std::move(fields), out);
    case MessageType::kProbeNack:
      return on_nack(now, from, header.request_id, std::move(fields));
    default:
      return malformed();
  }
}

Status Detector::on_probe(Time now, const NodeId& from, std::uint32_t sequence, Reader fields, Outbox& out) {
  const std::uint64_t incarnation = fields.uint(), instance = fields.uint(), flags = fields.uint();
  const std::uint64_t suspected = fields.uint();
  if (!fields.ok()) return malformed();
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
  // The exchange shows both that the other lives: our own probe of this round is left out.
  if ((flags & kFromNeighbour) != 0 && n->stage == Stage::kQuiet) quiet(now, *n);
  return {};
}

Status Detector::on_ack(Time now, const NodeId& from, std::uint32_t sequence, Reader fields, Outbox& out) {
  const std::uint64_t incarnation = fields.uint(), instance = fields.uint();
  const bool neighbour = fields.boolean();
  const bool relayed = fields.left() > 0;
  const NodeId target = relayed ? fields.id() : from;
  if (!fields.ok()) return malformed();
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
  if (health_ > 0 && now - n->probed < config_.probe_timeout_max) --health_;
  measure(*n, now - n->probed);
  quiet(now, *n);
  if (!neighbour && now - n->linked > kSettling) findings_.push_back({Kind::kNotMutual, from, incarnation});
  return {};
}

void Detector::measure(Neighbour& n, Duration rtt) {
  // Later than this it says that one of us slept, not how the network is.
  rtt = std::clamp(rtt, Duration(1), config_.probe_timeout_max);
  if (n.srtt.count() == 0) {
    n.srtt = n.fastest = rtt;
    n.rttvar = rtt / 2;
    return;
  }
  n.rttvar = (3 * n.rttvar + std::chrono::abs(n.srtt - rtt)) / 4;
  n.srtt = (7 * n.srtt + rtt) / 8;
  n.fastest = std::min(rtt, n.fastest + n.fastest / 64);  // routes change
  const std::uint32_t late = rtt > n.fastest + config_.late_answer ? 1'000'000 : 0;
  late_ppm_ = (63 * late_ppm_ + late) / 64;
}

Status Detector::on_request(Time now, const NodeId& from, std::uint32_t sequence, Reader fields,
                            Outbox& out) {
  const NodeId target = fields.id();
  const ByteView card = fields.bin(config_.card_bytes_max);
  if (!fields.ok()) return malformed();
  if (find(from) == nullptr || target == self_.id) return {};
  if (relays_.size() >= config_.relays_max)
    return fail(ErrorCode::kBusy, "this node already makes as many probes for others as it may");
  const bool ours = find(target) != nullptr;
  if (!ours) {
    const Result<NodeId> owner = cards_.check(card);
    if (!owner) return tl::unexpected(owner.error());
    if (*owner != target) return fail(ErrorCode::kRefused, "a card was shown under another node's name");
    Bytes copy(card.begin(), card.end());
    out.add(Admit{target, std::move(copy)});
  }
  relays_.push_back({from, target, sequence, ++sequence_, now + config_.helper_timeout, false});
  out.send(target, probe_message(sequence_, ours, 0));
  return {};
}

Status Detector::on_nack(Time now, const NodeId& from, std::uint32_t sequence, Reader fields) {
  const NodeId target = fields.id();
  if (!fields.ok()) return malformed();
  Neighbour* n = find(target);
  if (n == nullptr || n->sequence != sequence || n->stage == Stage::kQuiet) return {};
  const auto has = [&](const std::vector<NodeId>& ids) {
    return std::find(ids.begin(), ids.end(), from) != ids.end();
  };
  if (!has(n->helpers) || has(n->nacks)) return {};
  n->nacks.push_back(from);
  if (n->stage == Stage::kSuspect) n->due = std::max(now, end_of_suspicion(*n));
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
