#include "bus/core/card_desk.h"

#include <fmt/format.h>

#include <algorithm>

namespace zswarm::bus {
namespace {

/// Whether the bytes say that they are of an epoch whose keys we have, and are not.
bool is_forged(ByteView bytes, std::span<const NetworkKeys> epochs) {
  const auto card = read_card(bytes);
  return card &&
         std::any_of(epochs.begin(), epochs.end(),
                     [&](const NetworkKeys& keys) { return keys.epoch == card->epoch; }) &&
         !verify_card(bytes, epochs);
}

}  // namespace

Result<NodeId> CardDesk::check(ByteView bytes) const {
  const auto card = verify(bytes);
  if (!card) {
    // Everybody checks a card before passing it on: who shows this one has made it, or has not looked.
    const bool forged = card.error().code == ErrorCode::kRefused && is_forged(bytes, epochs_.all());
    return fail(forged ? ErrorCode::kMalformed : card.error().code, card.error().message);
  }
  if (!card->takes_links())
    return fail(ErrorCode::kRefused, fmt::format("node {} is a guest and takes no links", card->id().text()));
  return card->id();
}

std::uint64_t CardDesk::incarnation(ByteView bytes) const {
  const auto card = read_card(bytes);
  return card ? card->incarnation : 0;
}

Result<Card> CardDesk::verify(ByteView bytes) const {
  auto card = verify_card(bytes, epochs_.all());
  if (!card) return card;
  if (const Status counts = still_counts(*card); !counts) return tl::unexpected(counts.error());
  return card;
}

Status CardDesk::still_counts(const Card& card) const {
  const NodeId id = card.id();
  if (ledger_.is_revoked(id))
    return fail(ErrorCode::kRefused, fmt::format("node {} ({}) has been revoked", id.text(), card.name));
  const std::uint32_t present = epochs_.present().epoch;
  if (card.epoch != present && !ledger_.get(epoch_key(present, id))) {
    return fail(ErrorCode::kRefused,
                fmt::format("node {} ({}) has a token of epoch {} and was no member when epoch {} began",
                            id.text(), card.name, card.epoch, present));
  }
  return {};
}

}  // namespace zswarm::bus
