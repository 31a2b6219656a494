// What the operating system of a silent node's machine says, asked by accuser and helpers, and what is made
// of it.
#include <algorithm>

#include "bus/overlay/detector.h"

namespace zswarm::bus {

void Detector::knock(Time now, const NodeId& id, Knocks& knocks, Word word, Outbox& out) {
  out.add(Knock{id});
  const bool often = word == Word::kNone && ++knocks.count < config_.knocks_max;
  knocks.next = now + (often ? config_.knock_every : config_.knock_again);
}

void Detector::nack(Relay& relay, Word word, Outbox& out) {
  Writer message(MessageType::kProbeNack, 2, relay.asker_sequence);
  out.send(relay.asker, message.id(relay.target).uint(static_cast<std::uint64_t>(word)).take());
  relay.nacked = true;
  relay.told = word;
}

void Detector::on_knocked(Time now, const NodeId& id, bool listens, Outbox& out) {
  const Word word = listens ? Word::kListens : Word::kRefuses;
  for (Relay& relay : relays_) {
    if (relay.target != id) continue;
    relay.knocks.next = kNever;  // the asker has its own; one word of each helper is enough
    if (relay.told == Word::kNone) nack(relay, word, out);
  }
  Neighbour* n = watched(id);
  if (n == nullptr || n->stage != Stage::kSuspect) return;
  n->word = word;
  n->knocks.next = now + config_.knock_again;
  if (is_audited(id)) return audit_told(now);
  if (!n->called_dead || listens) n->due = std::max(now, end_of_suspicion(*n));
}

/// Others have waited for it already; but a machine that takes connections for it tells more than they knew.
Time Detector::last_look(Time now, const Neighbour& n) const {
  return std::max(now, n.suspected + 2 * config_.knock_every);
}

/// Our own look counts before hearsay; a helper that says it is refused needs a second one.
Detector::Word Detector::word_of_machine(const Neighbour& n) const {
  if (n.word != Word::kNone) return n.word;
  return n.told == Word::kRefuses && n.refused_there.size() < 2 ? Word::kNone : n.told;
}

}  // namespace zswarm::bus
