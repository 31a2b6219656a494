#include "bus/overlay/overlay.h"

#include <algorithm>

namespace zswarm::bus {
namespace {

// Refutations are told at most this often: one who keeps calling us dead costs the network no more.
constexpr Duration kAliveEvery = 1s;
// Two parts of a network that is cut call each other's nodes dead within this time.
constexpr Duration kPartingTakes = 60s;
constexpr int kAuditPicks = 8;  // until one is found that we do not know about already

enum class Part : std::uint8_t { kViews = 1, kDetector = 2, kBroadcast = 3 };

/// What answering costs, in messages of about a hundred bytes. The broadcast has a budget of its own.
std::uint64_t work_of(MessageType type) {
  switch (type) {
    case MessageType::kGossip:
    case MessageType::kIHave:
    case MessageType::kGraft:
      return 0;
    case MessageType::kJoin:
      return 40;  // a walk from each neighbour
    case MessageType::kShuffle:
      return 15;  // cards
    case MessageType::kNeighbour:
    case MessageType::kDisconnect:
      return 10;  // a link, or another one instead
    case MessageType::kForwardJoin:
    case MessageType::kProbeRequest:
    case MessageType::kProbeCall:
      return 5;
    default:
      return 1;
  }
}

Bytes instance_bytes(std::uint64_t instance) {
  Bytes bytes(8);
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(instance >> (56 - 8 * i));
  return bytes;
}

}  // namespace

Overlay::Overlay(const OverlayConfig& config, const CardCheck& cards, Self self, std::uint64_t seed,
                 NewsCheck* news, Roster* roster)
    : config_(config),
      self_(std::move(self)),
      random_(seed),
      views_(config, self_, cards, random_),
      detector_(config, self_, cards, random_),
      broadcast_(config, self_, random_, news),
      obituaries_(config.keep_obituaries, config.obituaries_max),
      conduct_(config),
      roster_(roster) {}

void Overlay::join(Time now, Peer contact, Outbox& out) {
  if (left_) return;
  notice_stall(now);
  views_.join(now, std::move(contact), out);
  settle(now, out);
}

void Overlay::leave(Time now, Outbox& out) {
  if (left_) return;
  broadcast_.send(now, {NewsKind::kLeft, self_.id, self_.incarnation, {}}, out);
  broadcast_.flush(now, out);
  views_.leave(out);
  settle(now, out);
  left_ = true;
}

Status Overlay::broadcast(Time now, Bytes payload, Outbox& out) {
  if (left_) return fail(ErrorCode::kCancelled, "this node has left the network");
  if (payload.size() > config_.news_bytes_max)
    return fail(ErrorCode::kTooLarge, "news of this size are not broadcast");
  notice_stall(now);
  broadcast_.send(now, {NewsKind::kPayload, self_.id, random_.next(), std::move(payload)}, out);
  settle(now, out);
  return {};
}

void Overlay::add_candidate(Time now, Peer peer, Outbox& out) {
  if (left_ || conduct_.is_shunned(now, peer.id)) return;
  views_.add_candidate(now, std::move(peer), out);
  settle(now, out);
}

void Overlay::renew_card(const Peer& peer) {
  views_.renew_card(peer);
  detector_.renew_card(peer);
}

Status Overlay::on_message(Time now, const NodeId& from, ByteView message, Outbox& out) {
  if (left_) return {};
  notice_stall(now);
  if (from == self_.id) {
    duplicate_identity(now, from);
    return {};
  }
  if (conduct_.is_shunned(now, from)) return {};
  const Result<Header> header = read_header(message);
  Status status;
  if (header) {
    status = handle(now, from, *header, message, out);
  } else {
    status = tl::unexpected(header.error());
  }
  // Of what no honest node sends. A type or card that we do not know (yet) is none of it.
  if (!status && status.error().code == ErrorCode::kMalformed && conduct_.note_fault(now, from))
    give_up(now, from, out);
  settle(now, out);
  return status;
}

Status Overlay::handle(Time now, const NodeId& from, const Header& header, ByteView message, Outbox& out) {
  detector_.heard(now, from);
  Status status;
  if (!conduct_.may_ask(now, from, work_of(header.type))) {
    status = fail(ErrorCode::kBusy, "a node asks for more than its share of this one's work");
  } else {
    switch (static_cast<Part>(static_cast<std::uint8_t>(header.type) >> 4)) {
      case Part::kViews:
        return header.type == MessageType::kLeave ? on_leave(now, from, message, out)
                                                  : views_.on_message(now, from, header, message, out);
      case Part::kDetector:
        return detector_.on_message(now, from, header, message, out);
      case Part::kBroadcast:
        status = broadcast_.on_message(now, from, header, message, out);
        break;
      default:
        return fail(ErrorCode::kUnsupported, "a message of this type is not for the overlay");
    }
  }
  // More than its share of work, or of the broadcast. Where all together are too much, nobody is at fault.
  if (!status && status.error().code == ErrorCode::kBusy && conduct_.note_excess(now, from))
    give_up(now, from, out);
  return status;
}

void Overlay::give_up(Time now, const NodeId& from, Outbox& out) {
  if (views_.has_neighbour(from)) out.send(from, Writer(MessageType::kDisconnect, 0).take());
  views_.shun(now, from, config_.shun_faulty_for, out);
  events_.emplace_back(Misbehaved{from});
}

Status Overlay::on_leave(Time now, const NodeId& from, ByteView message, Outbox& out) {
  Reader fields = Reader::of_message(message);
  const std::uint64_t incarnation = fields.uint();
  if (!fields.ok()) return fail(ErrorCode::kMalformed, "a farewell does not have the fields of its type");
  views_.shun(now, from, config_.shun_for, out);
  if (!obituaries_.take(now, from, incarnation, false)) return {};
  events_.emplace_back(Left{from, incarnation});
  // In case its own news did not get out any more; they are the same news.
  broadcast_.send(now, {NewsKind::kLeft, from, incarnation, {}}, out);
  return {};
}

void Overlay::on_lost(Time now, const NodeId& peer, Outbox& out) {
  if (left_) return;
  notice_stall(now);
  // A connection may break where its node lives: the detector decides, beginning now.
  detector_.check_now(now, peer, out);
  settle(now, out);
}

void Overlay::on_knocked(Time now, const NodeId& peer, bool listens, Outbox& out) {
  if (left_) return;
  notice_stall(now);
  detector_.on_knocked(now, peer, listens, out);
  settle(now, out);
}

void Overlay::on_timer(Time now, Outbox& out) {
  if (left_) return;
  notice_stall(now);
  views_.on_timer(now, out);
  detector_.on_timer(now, out);
  broadcast_.on_timer(now, out);
  if (audit_at_ <= now) audit(now, out);
  if (say_alive_again_ && alive_said_ + kAliveEvery <= now) say_alive(now, out);
  settle(now, out);
}

Time Overlay::next_timer() const {
  if (left_) return kNever;
  const Time again = say_alive_again_ ? alive_said_ + kAliveEvery : kNever;
  return std::min({views_.next_timer(), detector_.next_timer(), broadcast_.next_timer(), again, audit_at_});
}

void Overlay::expel(Time now, const NodeId& peer, Outbox& out) {
  if (left_) return;
  views_.shun(now, peer, config_.shun_for, out);
  settle(now, out);
}

std::vector<Overlay::Neighbour> Overlay::neighbours() const {
  std::vector<Neighbour> result;
  for (const Detector::Link& link : detector_.links())
    result.push_back({link.id, link.rtt, link.suspected, broadcast_.is_eager(link.id)});
  return result;
}

void Overlay::notice_stall(Time now) {
  if (expected_ != kNever && now - expected_ > config_.stall) detector_.on_stall(now, now - expected_);
  expected_ = kNever;
}

void Overlay::settle(Time now, Outbox& out) {
  for (bool more = true; more;) {
    more = false;
    for (const Views::Change& change : views_.take_changes()) {
      more = true;
      if (change.up) {
        const auto active = views_.active();
        const auto peer =
            std::find_if(active.begin(), active.end(), [&](const Peer& p) { return p.id == change.id; });
        if (peer != active.end()) detector_.add(now, *peer);
        broadcast_.add(now, change.id, out);
        events_.emplace_back(NeighbourUp{change.id});
        if (audit_at_ == kNever && roster_ != nullptr)
          audit_at_ = now + Duration(random_.below(static_cast<std::size_t>(config_.audit_every.count())));
        on_link(now, change.id, out);
      } else {
        detector_.remove(change.id);
        broadcast_.remove(change.id, out);
        events_.emplace_back(NeighbourDown{change.id});
      }
    }
    for (const Detector::Finding& finding : detector_.take_findings()) {
      more = true;
      on_finding(now, finding, out);
    }
    for (News& news : broadcast_.take_delivered()) {
      more = true;
      on_news(now, std::move(news), out);
    }
    if (!announced_ && !left_ && !views_.active().empty()) {
      announced_ = more = true;
      if (config_.announce_joins) say_alive(now, out);
    }
  }
  expected_ = next_timer();
}

void Overlay::on_link(Time now, const NodeId& id, Outbox& out) {
  const std::optional<Time> dead = obituaries_.dead_since(id);
  if (!dead || conduct_.is_shunned(now, id)) return;
  std::vector<News> ends;
  for (const Obituaries::End& end : obituaries_.ends_since(*dead - kPartingTakes))
    ends.push_back({NewsKind::kDead, end.id, end.incarnation, {}});
  Broadcast::tell(id, ends, out);
}

void Overlay::on_finding(Time now, const Detector::Finding& finding, Outbox& out) {
  switch (finding.kind) {
    case Detector::Kind::kSuspected:
      events_.emplace_back(Suspected{finding.id});
      return;
    case Detector::Kind::kRefuted:
      events_.emplace_back(Refuted{finding.id, finding.incarnation});
      return;
    case Detector::Kind::kDead:
    case Detector::Kind::kDeadAsTold: {
      // The end of the latest life that we know of: an older one's could not be refuted.
      const std::uint64_t incarnation = std::max(finding.incarnation, obituaries_.incarnation(finding.id));
      views_.bury(now, finding.id, out);
      static_cast<void>(obituaries_.take(now, finding.id, incarnation, false));
      events_.emplace_back(Dead{finding.id, incarnation, finding.kind == Detector::Kind::kDead});
      if (finding.kind == Detector::Kind::kDead && audit_at_ != kNever)
        audit_at_ = std::min(audit_at_, now + config_.audit_again);
      if (finding.kind == Detector::Kind::kDead)
        broadcast_.send(now, {NewsKind::kDead, finding.id, incarnation, {}}, out);
      return;
    }
    case Detector::Kind::kNotMutual:
    case Detector::Kind::kUnreachable:
      views_.lose(now, finding.id, Views::Loss::kDropped, out);
      return;
    case Detector::Kind::kSelfSuspected:
      return;  // the answer to the probe has refuted it
    case Detector::Kind::kDuplicate:
      events_.emplace_back(DuplicateIdentity{finding.id});
      return;
  }
}

void Overlay::on_news(Time now, News news, Outbox& out) {
  if (news.kind == NewsKind::kPayload) {
    events_.emplace_back(Delivered{news.origin, std::move(news.payload)});
  } else if (news.origin == self_.id) {
    on_news_of_self(now, news, out);
  } else if (news.kind == NewsKind::kAlive) {
    on_news_of_life(now, news);
  } else {
    on_news_of_end(now, news, out);
  }
}

void Overlay::on_news_of_life(Time now, const News& news) {
  const bool was_dead = obituaries_.is_dead(news.origin);
  if (!obituaries_.take(now, news.origin, news.number, true)) return;
  if (!conduct_.is_shunned(now, news.origin)) views_.pardon(news.origin);
  if (was_dead) {
    events_.emplace_back(Refuted{news.origin, news.number});
  } else {
    events_.emplace_back(Joined{news.origin, news.number});
  }
}

void Overlay::on_news_of_end(Time now, const News& news, Outbox& out) {
  if (views_.has_neighbour(news.origin)) {
    // We have a link to it: what others say makes us look, no more.
    detector_.called_dead(now, news.origin, out);
    return;
  }
  if (!obituaries_.take(now, news.origin, news.number, false)) return;
  if (news.kind == NewsKind::kLeft) {
    views_.shun(now, news.origin, config_.shun_for, out);
    events_.emplace_back(Left{news.origin, news.number});
  } else {
    views_.bury(now, news.origin, out);
    events_.emplace_back(Dead{news.origin, news.number, false});
  }
}

void Overlay::on_news_of_self(Time now, const News& news, Outbox& out) {
  if (news.kind == NewsKind::kAlive) {
    if (news.payload != instance_bytes(self_.instance)) duplicate_identity(now, self_.id);
    return;
  }
  if (news.number >= self_.incarnation) {
    if (news.number - self_.incarnation > kIncarnationJumpMax) return;  // a lie
    self_.incarnation = news.number + 1;
  }
  if (alive_said_ + kAliveEvery <= now) {
    say_alive(now, out);
  } else {
    say_alive_again_ = true;
  }
}

void Overlay::say_alive(Time now, Outbox& out) {
  say_alive_again_ = false;
  alive_said_ = now;
  broadcast_.send(now, {NewsKind::kAlive, self_.id, self_.incarnation, instance_bytes(self_.instance)}, out);
}

void Overlay::audit(Time now, Outbox& out) {
  const auto spread = static_cast<std::size_t>(config_.audit_every.count() * 2 / 3);
  audit_at_ = now + config_.audit_every * 2 / 3 + Duration(random_.below(spread + 1));
  if (views_.active().empty()) return;
  for (int picks = 0; picks < kAuditPicks; ++picks) {
    const std::optional<RosterEntry> member = roster_->pick(now, random_);
    if (!member) return;
    const NodeId id = member->peer.id;
    if (id == self_.id || views_.has_neighbour(id) || conduct_.is_shunned(now, id)) continue;
    // Who was called dead and said that it lives may be one that strangers cannot reach.
    if (obituaries_.is_dead(id) || obituaries_.has_risen(id)) continue;
    return detector_.audit(now, *member, out);
  }
}

void Overlay::duplicate_identity(Time now, const NodeId& id) {
  if (now - duplicate_told_ < 60s) return;
  duplicate_told_ = now;
  events_.emplace_back(DuplicateIdentity{id});
}

}  // namespace zswarm::bus
