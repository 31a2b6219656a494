// A member that means harm: it holds a valid card and has links like everybody, runs the protocol, and beside
// it sends what no honest node sends: garbage, damaged and replayed messages, floods of news (forged ones,
// and ones with its own good signature), lies about views, announcements of news that do not exist, and
// deaths of the living.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bus/base/random.h"
#include "bus/overlay/peer.h"
#include "bus/proto/outbox.h"
#include "bus/sim/cards.h"

namespace zswarm::bus {

class Hostile {
 public:
  /// `cards` outlives it; it seals what it signs itself.
  Hostile(std::uint64_t seed, Peer self, const SimulatedCards& cards)
      : random_(seed), self_(std::move(self)), cards_(cards) {}

  /// Keeps some of what it receives, to replay it later.
  void overhear(ByteView message);
  /// One burst of attacks on these neighbours; `others` are ids that it knows of.
  void attack(std::span<const Peer> neighbours, std::span<const Peer> others, Outbox& out);

 private:
  [[nodiscard]] Bytes garbage();
  [[nodiscard]] Bytes damaged();
  [[nodiscard]] Bytes flood(bool forged);
  [[nodiscard]] Bytes false_announcement();
  [[nodiscard]] Bytes false_death(std::span<const Peer> others);
  [[nodiscard]] Bytes false_views(std::span<const Peer> others);
  [[nodiscard]] NodeId invented();

  Random random_;
  Peer self_;
  const SimulatedCards& cards_;
  std::vector<Bytes> overheard_;
};

}  // namespace zswarm::bus
