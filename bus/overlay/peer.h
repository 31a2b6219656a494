// Another node as the overlay knows it: its name and its card, which is opaque here.
//
// Cards come from anybody, so what one claims is checked by its owner's CardCheck before it enters a view:
// the real one verifies signature and membership MAC (keys/card.h).
#pragma once

#include <vector>

#include "bus/base/error.h"
#include "bus/base/node_id.h"
#include "bus/wire/pack.h"

namespace zswarm::bus {

struct Peer {
  NodeId id;
  Bytes card;
};

/// Who we are. A start's incarnation must be above all of the earlier process's (milliseconds since 1970
/// are); refutations count it up by one.
struct Self {
  NodeId id;
  Bytes card;
  std::uint64_t incarnation = 1;
  std::uint64_t instance = 0;  // random, of this process
};

class CardCheck {
 public:
  virtual ~CardCheck() = default;
  /// Whose valid card this is. kMalformed is the fault of whoever showed it; kRefused may be a matter of time
  /// (revoked, of an epoch that we do not know yet).
  [[nodiscard]] virtual Result<NodeId> check(ByteView card) const = 0;
  /// Of a card that was checked; 0 if these cards tell none.
  [[nodiscard]] virtual std::uint64_t incarnation(ByteView) const { return 0; }
};

/// [id, card], as an element of a message.
inline void write_peer(Writer& writer, const Peer& peer) {
  writer.array(2).id(peer.id).bin(peer.card);
}
[[nodiscard]] inline Peer read_peer(Reader& reader, std::size_t card_bytes_max) {
  Reader fields = reader.array(16);  // later versions may add some
  Peer peer{fields.id(), {}};
  const ByteView card = fields.bin(card_bytes_max);
  peer.card.assign(card.begin(), card.end());
  return peer;
}

}  // namespace zswarm::bus
