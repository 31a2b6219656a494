// One turn of range-based set reconciliation: what a node answers to the ranges of another, from its records
// and nothing else.
//
// Meyer, "Range-Based Set Reconciliation", 2022, and the Negentropy protocol: nodes compare fingerprints of
// ranges of the order in position.h. Where they differ, the one with few records in the range lists their
// short ids, the one with many sends fingerprints of pieces. Who gets a list sends the entries that it does
// not name and asks for those that it lacks.
//
// A turn is bounded (SyncLimits) whatever was asked: ranges are taken in order, and when room is used up all
// that is left becomes one range with one fingerprint, so the other side asks again and nothing is forgotten.
// At least one range gets done in each turn. Pieces are cut at places that chance moves a little, so an entry
// that would hide behind others cannot know its range. Pure; no I/O.
#pragma once

#include "bus/base/random.h"
#include "bus/ledger/store.h"
#include "bus/ledger/sync_wire.h"

namespace zswarm::bus {

struct SyncLimits {
  std::size_t leaf = 32;                // records in a range that is listed, not cut
  std::size_t first_pieces = 128;       // of everything, in the opening message
  std::size_t fewest_pieces = 4;        // of a range
  std::size_t pieces_wanted = 512;      // in a turn: many differences are cut in few pieces each
  std::size_t ranges = 1'024;           // sent in a turn
  std::size_t ids = 4'096;              // sent in a turn
  std::size_t scanned = 32'768;         // records looked at one by one in a turn
  std::size_t entry_bytes = 64 * 1024;  // of entries sent in a turn; the last one may go over
  std::size_t list_scan = 1'024;        // records compared with a list; ranges with more are cut
};

struct TurnAnswer {
  SyncTurn turn;
  std::vector<Bytes> entries;
};

class TurnMaker {
 public:
  TurnMaker(const Ledger& ledger, const SyncNonce& nonce, const SyncLimits& limits, Random& random)
      : ledger_(ledger), nonce_(nonce), limits_(limits), random_(random) {}

  /// The first turn: everything from `lower` on.
  [[nodiscard]] SyncTurn opening(const Bound& lower);
  [[nodiscard]] TurnAnswer answer(const SyncTurn& asked);

 private:
  enum class Kind : std::uint8_t { kWant, kList, kDiffers };
  struct Job {
    Range range;
    Kind kind;
    const std::vector<ShortId>* ids = nullptr;
  };

  [[nodiscard]] std::vector<Job> jobs_of(const SyncTurn& asked) const;
  [[nodiscard]] bool has_room() const;
  void do_job(const Job& job, std::size_t pieces);
  void send_missing(const Job& job);
  void send_wanted(const Job& job);
  void list_or_cut(const Range& range, std::size_t pieces);
  void list(const Range& range);
  void cut(const Range& range, std::uint64_t count, std::size_t pieces);
  void leave(const Range& range);
  void send_entry(RecordIndex record);
  [[nodiscard]] ShortId id_of(RecordIndex record);

  const Ledger& ledger_;
  const SyncNonce nonce_;
  const SyncLimits limits_;
  Random& random_;
  TurnAnswer out_;
  std::optional<Range> left_;  // for later turns
  std::size_t ids_ = 0, scanned_ = 0, entry_bytes_ = 0;
};

}  // namespace zswarm::bus
