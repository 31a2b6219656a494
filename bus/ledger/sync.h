// Reconciliation of a ledger with another node's: both end with what either had. Finds what broadcasts
// missed, and brings a node that has just come, or was away, up to date.
//
// A session goes in turns over the control lane (sync_wire.h; the messages of one pair of nodes arrive in
// order or not at all): the opener sends its ranges, then the two answer each other (sync_turn.h) until one
// has nothing left to ask. It holds no more than a nonce, a deadline and counters; each turn is made from the
// ledger as it then is. A hundred differences between ledgers of a million entries take 4 round trips and
// less than 64 KiB beside the entries themselves (bench/ledger_sync.cpp).
//
// What a hostile member can do here: nothing to memory (sessions and messages are bounded), little to time (a
// turn is bounded, so is the number of turns, and it cannot open sessions faster than one in kMinGap),
// nothing to the ledger (entries go through Ledger::merge). A session ends at its first malformed message and
// at kMaxFaults entries that no honest node would pass on. It may lie about what it has: then it keeps its
// own entries for itself. Fingerprints and short ids are keyed with the opener's fresh nonce, so no third
// node can prepare entries that look alike; the sum behind the fingerprints is no proof against somebody who
// signs very many entries and searches for two sets of one size and one sum (work about 2^32 with thousands
// of them): that can hide a difference only between nodes that hold one set each, and chance moves the cuts.
//
// One thread; sans-I/O; the ledger is the caller's.
#pragma once

#include <map>

#include "bus/ledger/sync_turn.h"
#include "bus/proto/outbox.h"

namespace zswarm::bus {

/// How a session ended.
struct SyncReport {
  enum class End : std::uint8_t { kEqual, kBusy, kOtherCell, kSilence, kFault, kTooLong };

  NodeId peer;
  bool opened_here = false;
  End end = End::kSilence;          // kTooLong: unfinished; open another one
  std::uint32_t messages_sent = 0;  // turns, without those that carry entries
  std::size_t bytes_sent = 0, bytes_received = 0;
  std::size_t entry_bytes_sent = 0, entry_bytes_received = 0;  // a part of the above
  std::size_t entries_sent = 0, entries_new = 0, entries_refused = 0;
};

class Sync {
 public:
  static constexpr std::size_t kMaxSessions = 16, kMaxReports = 64, kMaxRecent = 256;
  static constexpr std::uint32_t kMaxTurns = 256;
  static constexpr std::size_t kMaxFaults = 8;
  static constexpr Duration kSilence = std::chrono::seconds(10);
  static constexpr Duration kMinGap = std::chrono::milliseconds(500);
  /// Entries that end their life this soon are left alone: clocks differ.
  static constexpr std::int64_t kHorizonMarginMs = 60'000;

  Sync(Ledger& ledger, std::uint64_t seed, SyncLimits limits = {})
      : ledger_(ledger), limits_(limits), random_(seed) {}

  /// kBusy if there is a session with this peer that was opened here, or too many in all.
  [[nodiscard]] Status open(const Now& now, const NodeId& peer, Outbox& outbox);

  /// Messages kSyncOpen, kSyncRanges, kSyncEntries; what belongs to no session is dropped.
  void on_message(const Now& now, const NodeId& from, ByteView message, Outbox& outbox);

  /// Ends sessions that have been silent.
  void on_timer(const Now& now);
  /// When on_timer() has something to do; kNever without sessions.
  [[nodiscard]] Time next_timer() const;

  /// Sessions that ended since the last call, the latest kMaxReports of them.
  [[nodiscard]] std::vector<SyncReport> take_reports() { return std::exchange(reports_, {}); }
  [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }

 private:
  struct Key {
    NodeId peer;
    bool opened_here;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Session {
    std::uint32_t id = 0;
    SyncNonce nonce{};
    Time deadline;
    std::size_t faults = 0;
    bool entries_may_come = false;
    SyncReport report;
  };
  using Sessions = std::map<Key, Session>;

  void on_open(const Now& now, const NodeId& from, std::uint32_t id, ByteView message, Outbox& outbox);
  void on_turn(const Now& now, const NodeId& from, std::uint32_t id, ByteView message, Outbox& outbox);
  void on_entries(const Now& now, const NodeId& from, std::uint32_t id, ByteView message);
  [[nodiscard]] bool opens_too_often(const Now& now, const NodeId& from);
  [[nodiscard]] Sessions::iterator find(const NodeId& from, bool from_opener, std::uint32_t id);
  void answer(const Now& now, Sessions::iterator session, const SyncTurn& asked, Outbox& outbox);
  void send(Sessions::iterator session, Bytes message, Outbox& outbox);
  void end(Sessions::iterator session, SyncReport::End how);
  void end_faulty(const NodeId& from, std::uint32_t id);

  Ledger& ledger_;
  const SyncLimits limits_;
  Random random_;
  Sessions sessions_;              // one for each peer and direction
  std::map<NodeId, Time> recent_;  // who opened when, for kMinGap
  std::vector<SyncReport> reports_;
};

}  // namespace zswarm::bus
