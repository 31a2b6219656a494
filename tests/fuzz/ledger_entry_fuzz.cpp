// Bytes as an entry of the ledger: what decodes comes back the same, and what nobody signed changes nothing.
#include <cstddef>
#include <cstdint>

#include "tests/bus/ledger/ledger_fixture.h"

using namespace zswarm::bus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  const auto entry = decode_entry(bytes);
  if (entry) {
    const auto again = decode_entry(encode_entry(*entry));
    ZS_BUS_ASSERT(again.has_value() && *again == *entry);
  }
  Ledger ledger(test::options(), nullptr, 1);
  const Merged merged = ledger.merge(test::at_ms(0), bytes);
  ZS_BUS_ASSERT(entry.has_value() || merged.verdict == Verdict::kMalformed);
  ZS_BUS_ASSERT(merged.refused() == !merged.why.empty());
  if (merged.verdict == Verdict::kNew) {
    ZS_BUS_ASSERT(is_signed_by_author(*entry, signed_bytes(*entry, test::options().network)));
    ZS_BUS_ASSERT(ledger.merge(test::at_ms(0), bytes).verdict == Verdict::kDuplicate);
    ZS_BUS_ASSERT(ledger.encoded(ledger.records().find(entry->key)) == encode_entry(*entry));
  } else {
    ZS_BUS_ASSERT(merged.refused());  // the ledger was empty
    ZS_BUS_ASSERT(ledger.used().entries == 0 && ledger.clock() == Hlc{});
  }
  return 0;
}
