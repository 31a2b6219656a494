// Judges what others broadcast, before the overlay passes it on: entries of the ledger are merged right here,
// so each is checked once, and only what is new goes further.
//
// One thread, that of the core, which says what time it is before each message. The ledger outlives this
// object.
#pragma once

#include "bus/ledger/store.h"
#include "bus/overlay/news.h"

namespace zswarm::bus {

// What a broadcast carries: [kind, bytes].
inline constexpr std::uint64_t kLedgerEntryNews = 1;
inline constexpr std::uint64_t kLoadHintNews = 2;

class NewsDesk final : public NewsCheck {
 public:
  explicit NewsDesk(Ledger& ledger) : ledger_(ledger) {}

  void set_time(const Now& now) { now_ = now; }
  /// Entries that are malformed, unsigned or not their author's to write are forged; those that are older,
  /// or refused for another reason are useless. The operator's count on nobody's share: a rotation is
  /// one for each member.
  [[nodiscard]] Judgement check(const News& news) override;

 private:
  Ledger& ledger_;
  Now now_{};
};

}  // namespace zswarm::bus
