#include "bus/ledger/records.h"

#include <algorithm>

namespace zswarm::bus {

Records::Records(std::uint64_t seed) : random_(seed), by_position_(ByPosition{this}), by_key_(ByKey{this}) {}

bool Records::ByPosition::before(RecordIndex a, RecordIndex b) const {
  const Record &x = all->at(a), &y = all->at(b);
  return x.stamp_bits != y.stamp_bits ? x.stamp_bits < y.stamp_bits : x.hash < y.hash;
}

void Records::ByPosition::update(RecordIndex r) const {
  Record& record = all->at(r);
  record.subtree = SetSum::of(record.hash);
  for (const RecordIndex child : {record.by_position.left, record.by_position.right}) {
    if (child != kNoRecord) record.subtree += all->at(child).subtree;
  }
}

RecordIndex Records::take_slot() {
  if (!free_.empty()) {
    const RecordIndex slot = free_.back();
    free_.pop_back();
    return slot;
  }
  ZS_BUS_ASSERT(used_ != kNoRecord);
  if (used_ % 256 == 0) blocks_.push_back(std::make_unique<Block>());
  return used_++;
}

RecordIndex Records::insert(const Entry& entry, const Hash& hash, std::uint32_t author) {
  const RecordIndex slot = take_slot();
  Record& record = at(slot);
  record = {};
  record.payload = std::make_unique<std::uint8_t[]>(entry.key.size() + entry.value.size());
  std::copy(entry.key.begin(), entry.key.end(), record.payload.get());
  std::copy(entry.value.begin(), entry.value.end(), record.payload.get() + entry.key.size());
  record.key_bytes = static_cast<std::uint16_t>(entry.key.size());
  record.value_bytes = static_cast<std::uint16_t>(entry.value.size());
  record.erased = entry.erased;
  record.hash = hash;
  record.signature = entry.signature;
  record.stamp_bits = entry.stamp.packed | (is_permanent(entry.key) ? Position::kPermanent : 0);
  record.author = author;
  record.priority = static_cast<std::uint32_t>(random_.next());
  by_position_.insert(slot);
  by_key_.insert(slot);
  return slot;
}

void Records::remove(RecordIndex record) {
  by_position_.erase(record);
  by_key_.erase(record);
  at(record).payload.reset();
  free_.push_back(record);
}

RecordIndex Records::find(std::string_view key) const {
  const RecordIndex found = by_key_.first_not([&](RecordIndex r) { return at(r).key() < key; });
  return found != kNoRecord && at(found).key() == key ? found : kNoRecord;
}

const SetSum& Records::total() const {
  static const SetSum kNone;
  return by_position_.root() == kNoRecord ? kNone : at(by_position_.root()).subtree;
}

SetSum Records::sum_below(const Bound& bound) const {
  if (bound.end) return total();
  SetSum sum;
  for (RecordIndex r = by_position_.root(); r != kNoRecord;) {
    const Record& record = at(r);
    if (!bound.above(record.position_key())) {
      r = record.by_position.left;
      continue;
    }
    sum += record.subtree;
    r = record.by_position.right;
    if (r != kNoRecord) sum -= at(r).subtree;
  }
  return sum;
}

SetSum Records::sum(const Bound& lower, const Bound& upper) const {
  if (!(lower < upper)) return {};
  SetSum sum = sum_below(upper);
  return sum -= sum_below(lower);
}

RecordIndex Records::by_rank(std::uint64_t rank) const {
  ZS_BUS_ASSERT(rank < total().count);
  for (RecordIndex r = by_position_.root();;) {
    const Record& record = at(r);
    const RecordIndex left = record.by_position.left;
    const std::uint64_t before = left == kNoRecord ? 0 : at(left).subtree.count;
    if (rank == before) return r;
    if (rank < before) {
      r = left;
    } else {
      rank -= before + 1;
      r = record.by_position.right;
    }
  }
}

}  // namespace zswarm::bus
