// The messages of reconciliation as values and as bytes. The request id of the header names the session.
//
//   kSyncOpen     [nonce: bin 16, cell: uint32, fingerprints, lists]
//   kSyncRanges   [from_opener: bool, state: uint8, fingerprints, lists, wants]
//   kSyncEntries  [from_opener: bool, [entry: bin…]]
//
//   fingerprints  array of blocks, a block being [lower, fingerprint, bound, fingerprint, …, upper]: ranges
//                 side by side, each from the bound before its fingerprint to the one behind it
//   lists, wants  array of lower, upper, ids, lower, upper, ids, …; ids are kIdBytes each, one behind the
//                 other in one bin
//   bounds        bin of at most 40 bytes (position.h); fingerprints are bin of kFingerprintBytes
//
// Decoding bounds every count before memory is taken: a message holds at most kMaxWireRanges ranges and
// kMaxWireIds ids. That ranges do not overlap is not checked and nothing depends on it. Values only; no I/O.
#pragma once

#include <vector>

#include "bus/ledger/position.h"
#include "bus/wire/message.h"

namespace zswarm::bus {

inline constexpr std::size_t kFingerprintBytes = 12, kIdBytes = 6;
inline constexpr std::size_t kMaxWireRanges = 2'048, kMaxWireIds = 16'384, kMaxWireEntries = 1'024;

using SyncNonce = ByteArray<16>;
using Fingerprint = ByteArray<kFingerprintBytes>;
using ShortId = ByteArray<kIdBytes>;

/// The first 12 bytes of BLAKE2b-128, keyed with the nonce, over the sum (32, little endian) and the count
/// (8, little endian).
[[nodiscard]] Fingerprint fingerprint_of(const SyncNonce& nonce, const SetSum& sum);
/// The first 6 bytes of BLAKE2b-128, keyed with the nonce, over the entry's hash.
[[nodiscard]] ShortId short_id_of(const SyncNonce& nonce, const Hash& hash);

struct Range {
  Bound lower, upper;  // lower < upper
};
struct FingerprintRange {
  Range range;
  Fingerprint fingerprint{};
};
struct IdRange {
  Range range;
  std::vector<ShortId> ids;
};

enum class SyncState : std::uint8_t {
  kGoOn = 0,
  kDone = 1,       // nothing left to compare; the session is over
  kBusy = 2,       // no session now: try again later
  kOtherCell = 3,  // no session at all
};

struct SyncTurn {
  SyncState state = SyncState::kGoOn;
  std::vector<FingerprintRange> fingerprints;  // in order; neighbours share a block
  std::vector<IdRange> lists;                  // all that the sender has in the range
  std::vector<IdRange> wants;                  // what it lacks of a list it got

  [[nodiscard]] bool asks_nothing() const { return fingerprints.empty() && lists.empty() && wants.empty(); }
};

struct SyncOpen {
  SyncNonce nonce{};
  std::uint32_t cell = 0;
  SyncTurn turn;  // without wants
};

[[nodiscard]] Bytes encode_open(std::uint32_t session, const SyncOpen& open);
[[nodiscard]] Bytes encode_turn(std::uint32_t session, bool from_opener, const SyncTurn& turn);
[[nodiscard]] Bytes encode_entries(std::uint32_t session, bool from_opener,
                                   const std::vector<Bytes>& entries);

[[nodiscard]] Result<SyncOpen> decode_open(ByteView message);

struct ReceivedTurn {
  bool from_opener = false;
  SyncTurn turn;
};
[[nodiscard]] Result<ReceivedTurn> decode_turn(ByteView message);

struct ReceivedEntries {
  bool from_opener = false;
  std::vector<Bytes> entries;
};
[[nodiscard]] Result<ReceivedEntries> decode_entries(ByteView message);

}  // namespace zswarm::bus
