// Cards and seals for simulated nodes: as long as real ones, so that bytes are counted right, and checked in
// nanoseconds.
//
// A card is the node's id, filling, and a keyed checksum in place of the signatures; lies of hostile members
// have none. Ids carry the node's number, so that the simulator finds a node without a table.
#pragma once

#include <cstdint>
#include <optional>

#include "bus/overlay/news.h"
#include "bus/overlay/peer.h"

namespace zswarm::bus {

class SimulatedCards : public CardCheck {
 public:
  /// Real cards are about 300 bytes: two public keys, a signature, a MAC and five addresses.
  explicit SimulatedCards(std::uint64_t seed, std::size_t card_bytes = 300);

  [[nodiscard]] NodeId id(std::uint32_t number) const;
  /// The number in an id; one that is too large for an id that nobody has.
  [[nodiscard]] std::uint32_t number(const NodeId& id) const;
  [[nodiscard]] Bytes card(const NodeId& id) const;
  [[nodiscard]] Peer peer(std::uint32_t number) const { return {id(number), card(id(number))}; }

  [[nodiscard]] Result<NodeId> check(ByteView card) const override;

  /// Content as its author would sign it: [author, content, signature], with 64 bytes for the signature.
  [[nodiscard]] Bytes sealed(const NodeId& author, ByteView content) const;
  /// Who sealed it; nothing if nobody did.
  [[nodiscard]] std::optional<NodeId> author(ByteView sealed) const;
  /// Of what is sealed.
  [[nodiscard]] static ByteView content(ByteView sealed);

 private:
  std::uint64_t seed_;
  std::size_t card_bytes_;
};

/// Lets sealed payloads pass.
class SimulatedNews : public NewsCheck {
 public:
  explicit SimulatedNews(const SimulatedCards& cards) : cards_(cards) {}
  [[nodiscard]] Judgement check(const News& news) override {
    const std::optional<NodeId> author = cards_.author(news.payload);
    return author ? Judgement{Verdict::kPassOn, *author} : Judgement{Verdict::kForged, {}};
  }

 private:
  const SimulatedCards& cards_;
};

/// A good mixing of 64 bits (the finaliser of SplitMix64).
[[nodiscard]] inline std::uint64_t mixed(std::uint64_t z) {
  z = (z + 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

}  // namespace zswarm::bus
