#include "bus/core/news_desk.h"

#include "bus/ledger/entry.h"

namespace zswarm::bus {

NewsCheck::Judgement NewsDesk::check(const News& news) {
  Reader reader = Reader::of_bytes(news.payload);
  const std::uint64_t kind = reader.uint();
  if (!reader.ok()) return {Verdict::kForged, {}};
  // Others, also those of a later version, are their receivers' business.
  if (kind != kLedgerEntryNews) return {Verdict::kPassOn, news.origin};
  const ByteView bytes = reader.bin(kMaxEntryBytes);
  if (!reader.ok()) return {Verdict::kForged, {}};
  const Merged merged = ledger_.merge(now_, bytes);
  if (merged.senders_fault()) return {Verdict::kForged, {}};
  if (merged.verdict == zswarm::bus::Verdict::kDuplicate) return {Verdict::kKnown, {}};
  if (merged.verdict != zswarm::bus::Verdict::kNew) return {Verdict::kUseless, {}};
  const auto entry = decode_entry(bytes);
  if (!entry) return {Verdict::kForged, {}};
  if (entry->author == ledger_.options().operator_key) return {Verdict::kPassOn, {}};
  return {Verdict::kPassOn, node_id_of(entry->author)};
}

}  // namespace zswarm::bus
