// Whether a card counts at this node now: made under the present token, or under the one before by somebody
// for whom the operator has sealed the new one; and not of a node that has been revoked.
//
// What admission, the views and the list of members all ask. One thread.
#pragma once

#include "bus/core/epochs.h"
#include "bus/keys/card.h"
#include "bus/ledger/store.h"
#include "bus/overlay/peer.h"

namespace zswarm::bus {

class CardDesk final : public CardCheck {
 public:
  /// Both outlive this object.
  CardDesk(const Epochs& epochs, const Ledger& ledger) : epochs_(epochs), ledger_(ledger) {}

  /// For the overlay: kRefused also for guests, kMalformed for what was forged.
  [[nodiscard]] Result<NodeId> check(ByteView card) const override;
  [[nodiscard]] std::uint64_t incarnation(ByteView card) const override;
  /// As verify_card(); kRefused also for what is said above.
  [[nodiscard]] Result<Card> verify(ByteView card) const;
  /// Of a card that was verified: whether it counts still. kRefused says why not.
  [[nodiscard]] Status still_counts(const Card& card) const;

 private:
  const Epochs& epochs_;
  const Ledger& ledger_;
};

}  // namespace zswarm::bus
