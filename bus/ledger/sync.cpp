#include "bus/ledger/sync.h"

#include <algorithm>

namespace zswarm::bus {
namespace {

Bytes state_only(std::uint32_t session, bool from_opener, SyncState state) {
  SyncTurn turn;
  turn.state = state;
  return encode_turn(session, from_opener, turn);
}

}  // namespace

Status Sync::open(const Now& now, const NodeId& peer, Outbox& outbox) {
  const Key key{peer, true};
  if (sessions_.contains(key) || sessions_.size() >= kMaxSessions)
    return fail(ErrorCode::kBusy, "the ledger is being reconciled already");
  SyncOpen open;
  for (std::size_t at = 0; at < open.nonce.size(); at += 8) {
    const std::uint64_t word = random_.next();
    std::memcpy(open.nonce.data() + at, &word, 8);
  }
  open.cell = ledger_.options().cell;
  const Hlc from = Hlc::at(ledger_.horizon(now).ms() + kHorizonMarginMs);
  open.turn = TurnMaker(ledger_, open.nonce, limits_, random_).opening({{from.packed, {}}, false});
  Session session;
  session.id = static_cast<std::uint32_t>(random_.next());
  session.nonce = open.nonce;
  session.deadline = now.steady + kSilence;
  session.report.peer = peer;
  session.report.opened_here = true;
  const auto place = sessions_.emplace(key, session).first;
  send(place, encode_open(session.id, open), outbox);
  return {};
}

void Sync::on_message(const Now& now, const NodeId& from, ByteView message, Outbox& outbox) {
  const auto header = read_header(message);
  if (!header) return;  // the driver answers other versions
  if (header->type == MessageType::kSyncOpen) return on_open(now, from, header->request_id, message, outbox);
  if (header->type == MessageType::kSyncRanges)
    return on_turn(now, from, header->request_id, message, outbox);
  if (header->type == MessageType::kSyncEntries) return on_entries(now, from, header->request_id, message);
}

void Sync::on_open(const Now& now, const NodeId& from, std::uint32_t id, ByteView message, Outbox& outbox) {
  const Key key{from, false};
  const bool too_many = !sessions_.contains(key) && sessions_.size() >= kMaxSessions;
  if (opens_too_often(now, from) || too_many)
    return outbox.send(from, state_only(id, false, SyncState::kBusy));
  const Result<SyncOpen> open = decode_open(message);
  if (!open) return;
  if (open->cell != ledger_.options().cell)
    return outbox.send(from, state_only(id, false, SyncState::kOtherCell));
  // A peer that opens anew has forgotten the old session, or it started again.
  if (const auto old = sessions_.find(key); old != sessions_.end()) end(old, SyncReport::End::kSilence);
  Session session;
  session.id = id;
  session.nonce = open->nonce;
  session.report.peer = from;
  session.report.bytes_received = message.size();
  answer(now, sessions_.emplace(key, session).first, open->turn, outbox);
}

bool Sync::opens_too_often(const Now& now, const NodeId& from) {
  std::erase_if(recent_, [&](const auto& opened) { return opened.second + kMinGap <= now.steady; });
  if (recent_.contains(from) || recent_.size() >= kMaxRecent) return true;
  recent_.emplace(from, now.steady);
  return false;
}

Sync::Sessions::iterator Sync::find(const NodeId& from, bool from_opener, std::uint32_t id) {
  const auto session = sessions_.find({from, !from_opener});
  return session != sessions_.end() && session->second.id == id ? session : sessions_.end();
}

void Sync::on_turn(const Now& now, const NodeId& from, std::uint32_t id, ByteView message, Outbox& outbox) {
  const Result<ReceivedTurn> received = decode_turn(message);
  if (!received) return end_faulty(from, id);
  const auto session = find(from, received->from_opener, id);
  if (session == sessions_.end()) return;
  session->second.report.bytes_received += message.size();
  switch (received->turn.state) {
    case SyncState::kDone:
      return end(session, SyncReport::End::kEqual);
    case SyncState::kBusy:
      return end(session, SyncReport::End::kBusy);
    case SyncState::kOtherCell:
      return end(session, SyncReport::End::kOtherCell);
    case SyncState::kGoOn:
      return answer(now, session, received->turn, outbox);
  }
}

void Sync::on_entries(const Now& now, const NodeId& from, std::uint32_t id, ByteView message) {
  const Result<ReceivedEntries> received = decode_entries(message);
  if (!received) return end_faulty(from, id);
  const auto session = find(from, received->from_opener, id);
  if (session == sessions_.end()) return;
  SyncReport& report = session->second.report;
  report.bytes_received += message.size();
  // One such message comes before each turn, so that a session cannot be kept alive with them.
  if (!std::exchange(session->second.entries_may_come, false)) return end(session, SyncReport::End::kFault);
  for (const Bytes& entry : received->entries) {
    report.entry_bytes_received += entry.size();
    const Merged merged = ledger_.merge(now, entry);
    if (merged.verdict == Verdict::kNew) ++report.entries_new;
    if (merged.refused()) ++report.entries_refused;
    if (merged.senders_fault() && ++session->second.faults == kMaxFaults)
      return end(session, SyncReport::End::kFault);
  }
}

void Sync::answer(const Now& now, Sessions::iterator session, const SyncTurn& asked, Outbox& outbox) {
  SyncReport& report = session->second.report;
  const bool from_opener = session->first.opened_here;
  if (report.messages_sent >= kMaxTurns) {
    outbox.send(session->first.peer, state_only(session->second.id, from_opener, SyncState::kBusy));
    return end(session, SyncReport::End::kTooLong);
  }
  session->second.deadline = now.steady + kSilence;
  const TurnAnswer made = TurnMaker(ledger_, session->second.nonce, limits_, random_).answer(asked);
  if (!made.entries.empty()) {
    for (const Bytes& entry : made.entries) report.entry_bytes_sent += entry.size();
    report.entries_sent += made.entries.size();
    Bytes message = encode_entries(session->second.id, from_opener, made.entries);
    report.bytes_sent += message.size();
    outbox.send(session->first.peer, std::move(message));
  }
  send(session, encode_turn(session->second.id, from_opener, made.turn), outbox);
  if (made.turn.state == SyncState::kDone) end(session, SyncReport::End::kEqual);
}

void Sync::send(Sessions::iterator session, Bytes message, Outbox& outbox) {
  ++session->second.report.messages_sent;
  session->second.entries_may_come = true;
  session->second.report.bytes_sent += message.size();
  outbox.send(session->first.peer, std::move(message));
}

void Sync::end(Sessions::iterator session, SyncReport::End how) {
  if (reports_.size() == kMaxReports) reports_.erase(reports_.begin());
  reports_.push_back(session->second.report);
  reports_.back().end = how;
  sessions_.erase(session);
}

void Sync::end_faulty(const NodeId& from, std::uint32_t id) {
  // Which direction it meant cannot be known; the id tells in all but contrived cases.
  for (const bool from_opener : {true, false}) {
    if (const auto session = find(from, from_opener, id); session != sessions_.end())
      end(session, SyncReport::End::kFault);
  }
}

void Sync::on_timer(const Now& now) {
  for (auto session = sessions_.begin(); session != sessions_.end();) {
    const auto at = session++;
    if (at->second.deadline <= now.steady) end(at, SyncReport::End::kSilence);
  }
}

Time Sync::next_timer() const {
  Time next = kNever;
  for (const auto& [key, session] : sessions_) next = std::min(next, session.deadline);
  return next;
}

}  // namespace zswarm::bus
