// Any order and duplication of deltas ends in one state: that of a plain map that keeps the greatest entry of
// each key.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "tests/bus/ledger/ledger_fixture.h"

namespace zswarm::bus {
namespace {

using test::at_ms;
using test::epoch_value;
using test::node_key;
using test::options;
using test::signed_entry;

/// A write as rapidcheck makes it; small numbers, so that keys, stamps and epochs meet.
struct Write {
  std::uint8_t author, name, ms, epoch;
  bool erased;
};

Entry entry_of(const Write& write) {
  const auto author = static_cast<std::uint8_t>(1 + write.author % 3);
  const std::int64_t ms = write.ms % 8;
  if (write.name % 4 == 0) {  // a key that all share
    const std::string rest(1, static_cast<char>('a' + write.author % 5));
    return signed_entry(author, "placement/m", ms, epoch_value(1u + write.epoch % 3, rest));
  }
  const std::string name(1, static_cast<char>('a' + write.name % 4));
  return signed_entry(author, node_key(author, name), ms, write.erased ? Bytes{} : Bytes{write.epoch},
                      write.erased);
}

Hash plain_state(const std::vector<Entry>& entries) {
  std::map<std::string, std::pair<Precedence, Hash>> greatest;
  for (const Entry& entry : entries) {
    const Hash hash = hash_of(signed_bytes(entry, options().network));
    const Precedence p{epoch_of(entry.key, entry.value), entry.stamp, node_id_of(entry.author), hash};
    auto& held = greatest.try_emplace(entry.key, p, hash).first->second;
    if (held.first < p) held = {p, hash};
  }
  SetSum sum;
  for (const auto& [key, held] : greatest) sum += SetSum::of(held.second);
  ByteArray<40> bytes;
  std::memcpy(bytes.data(), sum.words.data(), 32);
  std::memcpy(bytes.data() + 32, &sum.count, 8);
  return hash_of(bytes);
}

using RawWrite = std::tuple<std::uint8_t, std::uint8_t, std::uint8_t, std::uint8_t, bool>;

RC_GTEST_PROP(Convergence, AnyOrderAndDuplicationOfDeltasEndsInOneState,
              (const std::vector<RawWrite>& raw, std::uint64_t seed)) {
  std::vector<Entry> entries;
  for (const auto& [author, name, ms, epoch, erased] : raw)
    entries.push_back(entry_of({author, name, ms, epoch, erased}));
  Random random(seed);
  const Hash expected = plain_state(entries);
  for (int member = 0; member < 3; ++member) {
    Ledger ledger(options(), nullptr, random.next());
    std::vector<const Entry*> deliveries;
    for (const Entry& entry : entries) {
      for (std::size_t copies = 1 + random.below(2); copies > 0; --copies) deliveries.push_back(&entry);
    }
    for (std::size_t left = deliveries.size(); left > 0; --left) {
      std::swap(deliveries[random.below(left)], deliveries[left - 1]);
      RC_ASSERT(!ledger.merge(at_ms(0), encode_entry(*deliveries[left - 1])).refused());
    }
    RC_ASSERT(ledger.state_hash() == expected);
  }
}

}  // namespace
}  // namespace zswarm::bus
