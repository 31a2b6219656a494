// Two ledgers that reconcile over a wire of encoded messages, in one thread and without time.
#pragma once

#include <deque>

#include "bus/ledger/sync.h"
#include "tests/bus/ledger/ledger_fixture.h"

namespace zswarm::bus::test {

struct SyncSide {
  SyncSide(std::uint8_t number, std::uint64_t seed, const SyncLimits& limits)
      : id(id_of(number)), ledger(options(), &signer(number), seed), sync(ledger, seed + 1, limits) {}

  NodeId id;
  Ledger ledger;
  Sync sync;
  Outbox outbox;
};

/// Members 1 and 2.
struct SyncPair {
  explicit SyncPair(std::uint64_t seed = 7, const SyncLimits& limits = {})
      : a(1, seed, limits), b(2, seed + 100, limits) {}

  /// Carries messages until there are none, or `max_messages` have gone; how many went. Each message is
  /// longer than `largest` was, or that stays.
  std::size_t carry(const Now& now, std::size_t max_messages = 100'000) {
    std::size_t carried = 0;
    for (bool any = true; any && carried < max_messages;) {
      any = false;
      for (SyncSide* from : {&a, &b}) {
        SyncSide& to = from == &a ? b : a;
        for (const Effect& effect : from->outbox.take()) {
          const Send& sent = std::get<Send>(effect);
          ZS_BUS_ASSERT(sent.to == to.id);
          largest = std::max(largest, sent.message.size());
          to.sync.on_message(now, from->id, sent.message, to.outbox);
          any = true;
          ++carried;
        }
      }
    }
    return carried;
  }

  /// One session that `a` opens; how it ended there.
  SyncReport reconcile(const Now& now) {
    ZS_BUS_ASSERT(a.sync.open(now, b.id, a.outbox).has_value());
    (void)carry(now);
    const auto reports = a.sync.take_reports();
    ZS_BUS_ASSERT(reports.size() == 1);
    peer_report = b.sync.take_reports().at(0);
    return reports[0];
  }

  SyncSide a, b;
  SyncReport peer_report;
  std::size_t largest = 0;
};

}  // namespace zswarm::bus::test
