#include "bus/zmq/status.h"

namespace zswarm::bus {

BusStatus status_of(const Core& core) {
  BusStatus status;
  status.id = core.id();
  const auto card = read_card(core.card());
  ZS_BUS_ASSERT(card.has_value());  // our own
  status.card = *card;
  status.epoch = card->epoch;
  status.incarnation = core.overlay().incarnation();
  const auto neighbours = core.overlay().neighbours();
  for (const auto& [id, member] : core.members().all()) {
    MemberStatus& shown = status.members.emplace_back();
    shown.id = id;
    shown.state = member.state;
    shown.card = member.card;
    for (const Overlay::Neighbour& neighbour : neighbours) {
      if (neighbour.id != id) continue;
      shown.neighbour = true;
      shown.eager = neighbour.eager;
      if (neighbour.rtt > Duration::zero()) shown.rtt = neighbour.rtt;
    }
  }
  for (const Peer& peer : core.overlay().active()) status.active.push_back(peer.id);
  for (const Peer& peer : core.overlay().passive()) status.passive.push_back(peer.id);
  status.duplicates.assign(core.duplicates().begin(), core.duplicates().end());
  status.ledger_entries = core.ledger().used().entries;
  status.ledger_bytes = core.ledger().used().bytes;
  return status;
}

}  // namespace zswarm::bus
