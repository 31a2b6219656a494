// The detector's look at a member that is no neighbour: one at a time, from the first probe to its end.
#include "bus/overlay/detector.h"

namespace zswarm::bus {

void Detector::audit(Time now, const RosterEntry& member, Outbox& out) {
  if (audited_ || find(member.peer.id) != nullptr) return;
  Neighbour& n = audited_.emplace(Neighbour{});
  n.peer = member.peer;
  n.incarnation = member.incarnation;
  n.sequence = ++sequence_;
  n.stage = Stage::kDirect;
  n.linked = n.probed = now;
  n.due = now + config_.audit_answer;
  out.add(Admit{n.peer.id, n.peer.card});
  out.send(n.peer.id, probe_message(now, n.sequence, false, 0));
}

void Detector::audit_step(Time now, Outbox& out) {
  Neighbour& n = *audited_;
  if (n.stage == Stage::kDirect) {
    n.stage = Stage::kSuspect;
    n.suspected = now;
    n.due = now + config_.audit_patience;
    out.send(n.peer.id, probe_message(now, n.sequence, false, 0));
    ask_helpers(n, out);
    knock(now, n.peer.id, n.knocks, n.word, out);
    return;
  }
  // We have no link to it that ever stood, and so no proof that we could reach it: others must agree.
  const std::size_t agree = std::min(config_.audit_confirmations, n.helpers.size());
  const bool listens = n.word == Word::kListens || n.told == Word::kListens;
  if (agree > 0 && n.nacks.size() >= agree && !listens)
    findings_.push_back({Kind::kDead, n.peer.id, n.incarnation});
  audited_.reset();
}

void Detector::audit_told(Time now) {
  Neighbour& n = *audited_;
  if (n.word == Word::kListens || n.told == Word::kListens) {
    audited_.reset();  // frozen, at worst: a later audit may see more
  } else if (n.word == Word::kRefuses && n.nacks.size() >= config_.audit_confirmations) {
    n.due = now;
  }
}

}  // namespace zswarm::bus
