// A peer that sends any messages to reconciliation: sessions and answers stay bounded, every answer decodes,
// and what nobody signed changes nothing.
//
// The input is cut into messages: a byte for the type (and, in bit 2, which session), two for the length
// (little endian), the msgpack behind the header. One session was opened at the node under test, one by it.
#include <cstddef>
#include <cstdint>

#include "bus/ledger/sync.h"
#include "bus/wire/pack.h"
#include "tests/bus/ledger/ledger_fixture.h"

using namespace zswarm::bus;

namespace {

constexpr std::uint32_t kSession = 5;  // the one opened at the node
constexpr MessageType kTypes[] = {MessageType::kSyncOpen, MessageType::kSyncRanges,
                                  MessageType::kSyncEntries};

/// Filled once, since checking signatures takes the time; no input can change it.
Ledger& filled() {
  static Ledger ledger(test::options(), nullptr, 1);
  for (int i = 0; ledger.used().entries < 60; ++i) {
    const Entry entry = test::signed_entry(3, test::node_key(3, std::to_string(i)), i, Bytes(40));
    ZS_BUS_ASSERT(ledger.merge(test::at_ms(0), encode_entry(entry)).verdict == Verdict::kNew);
  }
  return ledger;
}

std::uint32_t own_session(Outbox& outbox) {
  const auto effects = outbox.take();
  ZS_BUS_ASSERT(effects.size() == 1 && decode_open(std::get<Send>(effects[0]).message).has_value());
  return read_header(std::get<Send>(effects[0]).message)->request_id;
}

void check_answers(Outbox& outbox) {
  for (const Effect& effect : outbox.take()) {
    const Bytes& message = std::get<Send>(effect).message;
    ZS_BUS_ASSERT(message.size() < 256 * 1024);
    switch (read_header(message)->type) {
      case MessageType::kSyncOpen:
        ZS_BUS_ASSERT(decode_open(message).has_value());
        break;
      case MessageType::kSyncRanges:
        ZS_BUS_ASSERT(decode_turn(message).has_value());
        break;
      default:
        ZS_BUS_ASSERT(decode_entries(message).has_value());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteView rest(data, size);
  // Short lists and few pieces: 60 entries are then enough for every path.
  const SyncLimits limits{.leaf = 4,
                          .first_pieces = 8,
                          .fewest_pieces = 2,
                          .pieces_wanted = 16,
                          .ranges = 16,
                          .ids = 32,
                          .scanned = 200,
                          .entry_bytes = 2'000,
                          .list_scan = 16};
  Ledger& ledger = filled();
  const Hash before = ledger.state_hash();
  Sync sync(ledger, 1, limits);
  Outbox outbox;
  const NodeId peer = test::id_of(4);
  ZS_BUS_ASSERT(sync.open(test::at_ms(0), peer, outbox).has_value());
  const std::uint32_t own = own_session(outbox);
  SyncOpen open;
  open.turn.fingerprints.push_back({{Bound::start(), Bound::infinity()}, {}});
  sync.on_message(test::at_ms(0), peer, encode_open(kSession, open), outbox);
  std::int64_t ms = 0;
  while (rest.size() >= 3) {
    const std::size_t length = std::min<std::size_t>(rest[1] | rest[2] << 8, rest.size() - 3);
    Bytes message = Writer(kTypes[(rest[0] & 3) % 3], 0, (rest[0] & 4) != 0 ? own : kSession).take();
    message.resize(kHeaderBytes);
    message.insert(message.end(), rest.begin() + 3, rest.begin() + 3 + static_cast<std::ptrdiff_t>(length));
    rest = rest.subspan(3 + length);
    sync.on_message(test::at_ms(ms += 100), peer, message, outbox);
    check_answers(outbox);
    ZS_BUS_ASSERT(sync.sessions() <= Sync::kMaxSessions);
  }
  ZS_BUS_ASSERT(ledger.state_hash() == before);
  return 0;
}
