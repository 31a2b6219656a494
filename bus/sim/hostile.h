// A member that means harm: it holds a valid card and has links like everybody, runs the protocol, and beside
// it sends what no honest node sends: garbage, damaged and replayed messages, floods of news, lies about
// views, announcements of news that do not exist, and deaths of the living.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bus/base/random.h"
#include "bus/overlay/peer.h"
#include "bus/proto/outbox.h"

namespace zswarm::bus {

class Hostile {
 public:
  Hostile(std::uint64_t seed, Peer self) : random_(seed), self_(std::move(self)) {}

  /// Keeps some of what it receives, to replay it later.
  void overhear(ByteView message);
  /// One burst of attacks on these neighbours; `others` are ids that it knows of.
  void attack(std::span<const Peer> neighbours, std::span<const Peer> others, Outbox& out);

 private:
  [[nodiscard]] Bytes garbage();
  [[nodiscard]] Bytes damaged();
  [[nodiscard]] Bytes flood();
  [[nodiscard]] Bytes false_announcement();
  [[nodiscard]] Bytes false_death(std::span<const Peer> others);
  [[nodiscard]] Bytes false_views(std::span<const Peer> others);
  [[nodiscard]] NodeId invented();

  Random random_;
  Peer self_;
  std::vector<Bytes> overheard_;
};

}  // namespace zswarm::bus
