// The ledger of one cell: a delta-state CRDT, a map from key to the entry that wins (Almeida, Shoker,
// Baquero, "Delta State Replicated Data Types", 2018; last writer wins, by the order of rules.h).
//
// A delta is one entry as bytes (entry.h). put() and erase() give it back for the caller to broadcast;
// merge() takes what others sent; sync.h finds what was missed. Merging is idempotent, commutative and
// associative for all entries that nobody refuses, so every member that has seen the same entries holds the
// same state.
//
// Before it changes anything, merge() checks form, cell, right, clock, age, revocation, order, quota and
// signature, in this order, the dear one last. A refused entry changes neither state nor clock.
//
// Life. An entry lives for `life_ms` from its stamp; its author renews it when half of that has passed
// (on_timer does), so what a dead node wrote goes away by itself. An entry past its life is refused, whoever
// brings it, and dropped kDropDelayMs later. A tombstone therefore outlives every value that it covers, for
// these have older stamps: what was erased does not come back through a node that was away, however long.
// (Under placement/, where the epoch goes before the stamp, there are no tombstones; an older epoch can come
// back when the newer one has ended unrenewed.) Keys below network/ have no end of life.
//
// Revocation. While network/revoked/<id> has a value, entries of <id> are refused, and those held are dropped
// when it arrives.
//
// One thread; sans-I/O; owns the entries. Memory is bounded by the quotas: at most about kEntryOverhead bytes
// an entry beside key and value. Views that it hands out hold until the next call that is not const.
#pragma once

#include <set>
#include <unordered_set>

#include "bus/ledger/authors.h"
#include "bus/ledger/records.h"
#include "bus/ledger/watch.h"

namespace zswarm::bus {

struct LedgerOptions {
  Bytes network;  // its id, at most kMaxNetworkBytes
  SignPublicKey operator_key{};
  std::uint32_t cell = 0;
  std::int64_t life_ms = 24 * 3600 * 1000;
  Quota author{8'192, 4u << 20};       // each
  Quota operator_{65'536, 16u << 20};  // the operator; beyond the total
  Quota total{1u << 20, 384u << 20};
};

enum class Verdict : std::uint8_t {
  kNew,        // it is now the key's entry
  kDuplicate,  // held already
  kOlder,      // another one wins
  // Refused:
  kMalformed,
  kForged,     // the signature is not the author's
  kForbidden,  // the author may not write this key (rules.h)
  kOtherCell,
  kRevoked,  // the author is shut out
  kAhead,    // from more than five seconds ahead: may be taken later
  kStale,    // past its life
  kFull,     // over a quota: may be taken later
};

struct Merged {
  Verdict verdict = Verdict::kMalformed;
  std::string why;  // a sentence, if refused
  std::string key;  // unless malformed

  [[nodiscard]] bool refused() const { return verdict >= Verdict::kMalformed; }
  /// Whoever passed this on should have refused it as well.
  [[nodiscard]] bool senders_fault() const {
    return verdict >= Verdict::kMalformed && verdict <= Verdict::kForbidden;
  }
};

/// A value as it is held.
struct Found {
  std::string_view key;
  ByteView value;
  Hlc stamp;
  NodeId author;
};

class Ledger {
 public:
  static constexpr std::int64_t kDropDelayMs = 10'000;
  /// Entries dropped, and renewed, in one call of on_timer() at most.
  static constexpr std::size_t kDropsPerTimer = 4'096, kRenewalsPerTimer = 256;

  /// `self` signs what this node writes and must outlive the ledger; null for one that only reads. The seed
  /// must be unknown to others.
  Ledger(LedgerOptions options, const SignKeyPair* self, std::uint64_t seed);

  /// Writes and signs; the delta to broadcast. kRefused, kTooLarge or kBusy with the reason.
  [[nodiscard]] Result<Bytes> put(const Now& now, std::string_view key, ByteView value);
  [[nodiscard]] Result<Bytes> erase(const Now& now, std::string_view key);
  /// The same in another name: the operator's, where its key is at hand.
  [[nodiscard]] Result<Bytes> put_as(const SignKeyPair& keys, const Now& now, std::string_view key,
                                     ByteView value);
  [[nodiscard]] Result<Bytes> erase_as(const SignKeyPair& keys, const Now& now, std::string_view key);

  /// An entry from elsewhere: a broadcast, reconciliation, a snapshot. Pass it on if it is kNew.
  [[nodiscard]] Merged merge(const Now& now, ByteView entry);

  [[nodiscard]] std::optional<Found> get(std::string_view key) const;
  /// Values below a prefix, in the order of keys, until visit(const Found&) returns false.
  template <class Visit>
  void for_each(std::string_view prefix, Visit visit) const {
    records_.walk_keys(prefix, [&](RecordIndex r) { return records_[r].erased || visit(found(r)); });
  }

  [[nodiscard]] Result<WatchId> watch(std::string prefix) { return watches_.add(std::move(prefix)); }
  void unwatch(WatchId id) { watches_.remove(id); }
  [[nodiscard]] LedgerNews take_news(WatchId id) { return watches_.take(id); }

  /// Drops what is past its life and renews this node's own entries; to be called about once a second. The
  /// deltas to broadcast.
  [[nodiscard]] std::vector<Bytes> on_timer(const Now& now);

  [[nodiscard]] bool is_revoked(const NodeId& id) const { return revoked_.contains(id); }
  /// Equal for equal states: BLAKE2b over size and sum of all hashes (position.h).
  [[nodiscard]] Hash state_hash() const;
  /// Entries (tombstones too) and their cost.
  [[nodiscard]] const Quota& used() const { return used_; }
  [[nodiscard]] Hlc clock() const { return clock_.last(); }
  [[nodiscard]] const LedgerOptions& options() const { return options_; }
  /// Stamps before this one are past their life.
  [[nodiscard]] Hlc horizon(const Now& now) const { return Hlc::at(now.wall.ms - options_.life_ms); }

  // For sync.h and snapshot.h.
  [[nodiscard]] const Records& records() const { return records_; }
  [[nodiscard]] Bytes encoded(RecordIndex record) const;

 private:
  struct Checked {
    NodeId author;
    Bytes signed_bytes;
    Hash hash;
    RecordIndex held = kNoRecord;
  };

  [[nodiscard]] Result<Bytes> write(const SignKeyPair& keys, const Now& now, std::string_view key,
                                    ByteView value, bool erased);
  [[nodiscard]] Merged judge(const Now& now, const Entry& entry, Checked& checked) const;
  [[nodiscard]] bool over_quota(const Entry& entry, const Checked& checked) const;
  [[nodiscard]] Precedence precedence(RecordIndex record) const;
  void apply(const Entry& entry, const Checked& checked);
  void remove(RecordIndex record);
  void revoke(const NodeId& id);
  void drop_expired(const Now& now);
  [[nodiscard]] bool is_mine(const Record& record) const;
  [[nodiscard]] Found found(RecordIndex record) const;

  LedgerOptions options_;
  const SignKeyPair* self_;
  HybridClock clock_;
  Records records_;
  Authors authors_;
  Quota used_;
  Watches watches_;
  std::unordered_set<NodeId> revoked_;
  std::set<std::pair<std::uint64_t, RecordIndex>> mine_;  // values to renew, by stamp
};

}  // namespace zswarm::bus
