#include "bus/ledger/sync_wire.h"

#include <sodium.h>

#include <algorithm>

#include "bus/keys/secret.h"
#include "bus/wire/pack.h"

namespace zswarm::bus {
namespace {

constexpr PackLimits kLimits{.elements = 3 * kMaxWireRanges + 1,
                             .depth = 4,
                             .bytes = std::max(kMaxWireIds * kIdBytes, kMaxEntryBytes)};

/// BLAKE2b-128, the shortest that libsodium makes, cut to N bytes.
template <std::size_t N>
ByteArray<N> keyed_hash(const SyncNonce& nonce, ByteView bytes) {
  static_assert(N <= crypto_generichash_BYTES_MIN &&
                std::tuple_size_v<SyncNonce> >= crypto_generichash_KEYBYTES_MIN);
  ready_sodium();
  ByteArray<crypto_generichash_BYTES_MIN> hash;
  crypto_generichash(hash.data(), hash.size(), bytes.data(), bytes.size(), nonce.data(), nonce.size());
  ByteArray<N> first;
  std::copy_n(hash.begin(), N, first.begin());
  return first;
}

tl::unexpected<Error> malformed() {
  return fail(ErrorCode::kMalformed, "a message of the ledger's reconciliation is malformed");
}

void write_fingerprints(Writer& writer, const std::vector<FingerprintRange>& ranges) {
  std::vector<std::pair<std::size_t, std::size_t>> blocks;  // [begin, end)
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const bool joins = i > 0 && ranges[i - 1].range.upper == ranges[i].range.lower;
    if (!joins) blocks.emplace_back(i, i);
    blocks.back().second = i + 1;
  }
  writer.array(static_cast<std::uint32_t>(blocks.size()));
  for (const auto& [begin, end] : blocks) {
    writer.array(static_cast<std::uint32_t>(2 * (end - begin) + 1))
        .bin(encode_bound(ranges[begin].range.lower));
    for (std::size_t i = begin; i < end; ++i)
      writer.bin(ranges[i].fingerprint).bin(encode_bound(ranges[i].range.upper));
  }
}

void write_ids(Writer& writer, const std::vector<IdRange>& ranges) {
  writer.array(static_cast<std::uint32_t>(3 * ranges.size()));
  for (const IdRange& range : ranges) {
    Bytes ids;
    ids.reserve(range.ids.size() * kIdBytes);
    for (const ShortId& id : range.ids) ids.insert(ids.end(), id.begin(), id.end());
    writer.bin(encode_bound(range.range.lower)).bin(encode_bound(range.range.upper)).bin(ids);
  }
}

/// Reads the parts of a message, and counts what it holds altogether.
struct TurnReader {
  Reader& reader;
  std::size_t ranges = 0, ids = 0;

  Range checked(Range range) {
    if (!(range.lower < range.upper) || ++ranges > kMaxWireRanges) reader.fault();
    return range;
  }

  std::vector<FingerprintRange> fingerprints() {
    std::vector<FingerprintRange> all;
    Reader blocks = reader.array(kMaxWireRanges);
    while (blocks.left() > 0) {
      Reader block = blocks.array(2 * kMaxWireRanges + 1);
      if (block.left() < 3 || block.left() % 2 == 0) reader.fault();
      Bound lower = decode_lower(block.bin(Position::kBytes));
      while (block.left() > 0) {
        FingerprintRange range;
        range.fingerprint = block.fixed<kFingerprintBytes>();
        range.range = checked({lower, decode_upper(block.bin(Position::kBytes))});
        lower = range.range.upper;
        all.push_back(range);
      }
    }
    return all;
  }

  std::vector<IdRange> id_ranges() {
    std::vector<IdRange> all;
    Reader flat = reader.array(3 * kMaxWireRanges);
    if (flat.left() % 3 != 0) reader.fault();
    while (flat.left() > 0) {
      IdRange range;
      const Bound lower = decode_lower(flat.bin(Position::kBytes));
      range.range = checked({lower, decode_upper(flat.bin(Position::kBytes))});
      const ByteView packed = flat.bin(kMaxWireIds * kIdBytes);
      ids += packed.size() / kIdBytes;
      if (packed.size() % kIdBytes != 0 || ids > kMaxWireIds) reader.fault();
      for (std::size_t at = 0; reader.ok() && at < packed.size(); at += kIdBytes)
        std::copy_n(packed.begin() + static_cast<std::ptrdiff_t>(at), kIdBytes,
                    range.ids.emplace_back().begin());
      all.push_back(std::move(range));
    }
    return all;
  }
};

}  // namespace

Fingerprint fingerprint_of(const SyncNonce& nonce, const SetSum& sum) {
  ByteArray<40> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::uint64_t word = i < 32 ? sum.words[i / 8] : sum.count;
    bytes[i] = static_cast<std::uint8_t>(word >> (i % 8 * 8));
  }
  return keyed_hash<kFingerprintBytes>(nonce, bytes);
}

ShortId short_id_of(const SyncNonce& nonce, const Hash& hash) {
  return keyed_hash<kIdBytes>(nonce, hash);
}

Bytes encode_open(std::uint32_t session, const SyncOpen& open) {
  Writer writer(MessageType::kSyncOpen, 4, session);
  writer.bin(open.nonce).uint(open.cell);
  write_fingerprints(writer, open.turn.fingerprints);
  write_ids(writer, open.turn.lists);
  return writer.take();
}

Bytes encode_turn(std::uint32_t session, bool from_opener, const SyncTurn& turn) {
  Writer writer(MessageType::kSyncRanges, 5, session);
  writer.boolean(from_opener).uint(static_cast<std::uint8_t>(turn.state));
  write_fingerprints(writer, turn.fingerprints);
  write_ids(writer, turn.lists);
  write_ids(writer, turn.wants);
  return writer.take();
}

Bytes encode_entries(std::uint32_t session, bool from_opener, const std::vector<Bytes>& entries) {
  Writer writer(MessageType::kSyncEntries, 2, session);
  writer.boolean(from_opener).array(static_cast<std::uint32_t>(entries.size()));
  for (const Bytes& entry : entries) writer.bin(entry);
  return writer.take();
}

Result<SyncOpen> decode_open(ByteView message) {
  Reader reader = Reader::of_message(message, kLimits);
  TurnReader parts{reader};
  SyncOpen open;
  open.nonce = reader.fixed<16>();
  open.cell = static_cast<std::uint32_t>(reader.uint(std::numeric_limits<std::uint32_t>::max()));
  open.turn.fingerprints = parts.fingerprints();
  open.turn.lists = parts.id_ranges();
  if (!reader.ok()) return malformed();
  return open;
}

Result<ReceivedTurn> decode_turn(ByteView message) {
  Reader reader = Reader::of_message(message, kLimits);
  TurnReader parts{reader};
  ReceivedTurn received;
  received.from_opener = reader.boolean();
  received.turn.state = static_cast<SyncState>(reader.uint(static_cast<std::uint8_t>(SyncState::kOtherCell)));
  received.turn.fingerprints = parts.fingerprints();
  received.turn.lists = parts.id_ranges();
  received.turn.wants = parts.id_ranges();
  if (!reader.ok()) return malformed();
  return received;
}

Result<ReceivedEntries> decode_entries(ByteView message) {
  Reader reader = Reader::of_message(message, kLimits);
  ReceivedEntries received;
  received.from_opener = reader.boolean();
  Reader entries = reader.array(kMaxWireEntries);
  while (entries.left() > 0) {
    const ByteView entry = entries.bin(kMaxEntryBytes);
    received.entries.emplace_back(entry.begin(), entry.end());
  }
  if (!reader.ok()) return malformed();
  return received;
}

}  // namespace zswarm::bus
