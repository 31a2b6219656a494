#include "bus/ledger/store.h"

namespace zswarm::bus {
namespace {

std::size_t cost(std::size_t key_bytes, std::size_t value_bytes) {
  return key_bytes + value_bytes + kEntryOverhead;
}
std::size_t cost(const Entry& entry) {
  return cost(entry.key.size(), entry.value.size());
}
std::size_t cost(const Record& record) {
  return cost(record.key_bytes, record.value_bytes);
}

std::string_view sentence(Verdict verdict) {
  switch (verdict) {
    case Verdict::kForged:
      return "the signature is not the author's";
    case Verdict::kOtherCell:
      return "the entry belongs to another cell";
    case Verdict::kRevoked:
      return "the author has been shut out of the network";
    case Verdict::kAhead:
      return "the entry is from more than five seconds ahead: a clock is wrong";
    case Verdict::kStale:
      return "the entry is past its life";
    case Verdict::kFull:
      return "the ledger, or its author's share of it, is full";
    case Verdict::kOlder:
      return "the ledger holds an entry that goes before this one";
    default:
      return "";
  }
}

Merged result(Verdict verdict, const Entry& entry) {
  Merged merged{verdict, {}, entry.key};
  if (merged.refused()) merged.why = sentence(verdict);
  return merged;
}

}  // namespace

Ledger::Ledger(LedgerOptions options, const SignKeyPair* self, std::uint64_t seed)
    : options_(std::move(options)), self_(self), records_(seed) {
  ZS_BUS_ASSERT(options_.network.size() <= kMaxNetworkBytes);
}

Result<Bytes> Ledger::put(const Now& now, std::string_view key, ByteView value) {
  if (self_ == nullptr) return fail(ErrorCode::kRefused, "this node only reads the ledger");
  return put_as(*self_, now, key, value);
}

Result<Bytes> Ledger::erase(const Now& now, std::string_view key) {
  if (self_ == nullptr) return fail(ErrorCode::kRefused, "this node only reads the ledger");
  return erase_as(*self_, now, key);
}

Result<Bytes> Ledger::put_as(const SignKeyPair& keys, const Now& now, std::string_view key, ByteView value) {
  if (value.size() > kMaxValueBytes)
    return fail(ErrorCode::kTooLarge, "a value of the ledger is larger than 16 KiB");
  return write(keys, now, key, value, false);
}

Result<Bytes> Ledger::erase_as(const SignKeyPair& keys, const Now& now, std::string_view key) {
  return write(keys, now, key, {}, true);
}

Result<Bytes> Ledger::write(const SignKeyPair& keys, const Now& now, std::string_view key, ByteView value,
                            bool erased) {
  if (const Status well_formed = check_key(key); !well_formed) return tl::unexpected(well_formed.error());
  Entry entry;
  entry.cell = is_permanent(key) ? 0 : options_.cell;
  entry.key = key;
  entry.value.assign(value.begin(), value.end());
  entry.erased = erased;
  entry.author = keys.public_key;
  const Result<Hlc> stamp = clock_.tick(now.wall);
  if (!stamp) return tl::unexpected(stamp.error());
  entry.stamp = *stamp;
  Checked checked;
  const Merged judged = judge(now, entry, checked);
  if (judged.verdict != Verdict::kNew) {
    const bool full = judged.verdict == Verdict::kFull;
    return fail(full ? ErrorCode::kBusy : ErrorCode::kRefused,
                judged.why.empty() ? std::string(sentence(judged.verdict)) : judged.why);
  }
  entry.signature = sign_bytes(keys, checked.signed_bytes);
  apply(entry, checked);
  return encode_entry(entry);
}

Merged Ledger::merge(const Now& now, ByteView bytes) {
  const Result<Entry> entry = decode_entry(bytes);
  if (!entry) return {Verdict::kMalformed, entry.error().message, {}};
  Checked checked;
  Merged judged = judge(now, *entry, checked);
  if (judged.verdict != Verdict::kNew) return judged;
  if (!is_signed_by_author(*entry, checked.signed_bytes)) return result(Verdict::kForged, *entry);
  const bool in_bounds = clock_.observe(entry->stamp, now.wall);
  ZS_BUS_ASSERT(in_bounds);  // judge() has looked
  apply(*entry, checked);
  return judged;
}

Merged Ledger::judge(const Now& now, const Entry& entry, Checked& checked) const {
  checked.author = node_id_of(entry.author);
  const bool permanent = is_permanent(entry.key);
  if (entry.cell != (permanent ? 0 : options_.cell)) return result(Verdict::kOtherCell, entry);
  if (const Status right = check_right(entry, checked.author, options_.operator_key); !right)
    return {Verdict::kForbidden, right.error().message, entry.key};
  if (HybridClock::is_ahead(entry.stamp, now.wall)) return result(Verdict::kAhead, entry);
  if (!permanent && entry.stamp < horizon(now)) return result(Verdict::kStale, entry);
  if (!permanent && is_revoked(checked.author)) return result(Verdict::kRevoked, entry);
  checked.signed_bytes = signed_bytes(entry, options_.network);
  checked.hash = hash_of(checked.signed_bytes);
  checked.held = records_.find(entry.key);
  if (checked.held != kNoRecord) {
    const Precedence offered{epoch_of(entry.key, entry.value), entry.stamp, checked.author, checked.hash};
    const auto order = offered <=> precedence(checked.held);
    if (order == 0) return result(Verdict::kDuplicate, entry);
    if (order < 0) return result(Verdict::kOlder, entry);
  }
  if (over_quota(entry, checked)) return result(Verdict::kFull, entry);
  return result(Verdict::kNew, entry);
}

bool Ledger::over_quota(const Entry& entry, const Checked& checked) const {
  const Author* author = authors_.find(checked.author);
  if (author == nullptr && authors_.full()) return true;
  const auto with_entry = [&](Quota used, bool replaces) {
    used = {used.entries + 1, used.bytes + cost(entry)};
    return replaces ? Quota{used.entries - 1, used.bytes - cost(records_[checked.held])} : used;
  };
  const bool replaces = checked.held != kNoRecord;
  const bool replaces_own = replaces && authors_[records_[checked.held].author].id == checked.author;
  const Quota own = with_entry(author == nullptr ? Quota{} : author->used, replaces_own);
  if (entry.author == options_.operator_key) return own.exceeds(options_.operator_);
  return own.exceeds(options_.author) || with_entry(used_, replaces).exceeds(options_.total);
}

Precedence Ledger::precedence(RecordIndex record) const {
  const Record& held = records_[record];
  return {epoch_of(held.key(), held.value()), held.stamp(), authors_[held.author].id, held.hash};
}

void Ledger::apply(const Entry& entry, const Checked& checked) {
  if (checked.held != kNoRecord) remove(checked.held);
  const std::uint32_t author = authors_.add(checked.author, entry.author, cost(entry));
  used_ = {used_.entries + 1, used_.bytes + cost(entry)};
  const RecordIndex record = records_.insert(entry, checked.hash, author);
  if (is_mine(records_[record])) mine_.emplace(entry.stamp.packed, record);
  watches_.note(entry.key, entry.erased);
  const auto revoked = revoked_node(entry.key);
  if (!revoked) return;
  if (entry.erased) {
    revoked_.erase(*revoked);
  } else {
    revoke(*revoked);
  }
}

void Ledger::remove(RecordIndex record) {
  const Record& held = records_[record];
  if (is_mine(held)) mine_.erase({held.stamp().packed, record});
  authors_.subtract(held.author, cost(held));
  used_ = {used_.entries - 1, used_.bytes - cost(held)};
  records_.remove(record);
}

void Ledger::revoke(const NodeId& id) {
  revoked_.insert(id);
  if (authors_.find(id) == nullptr) return;
  std::vector<RecordIndex> dropped;
  records_.walk_keys({}, [&](RecordIndex r) {
    if (authors_[records_[r].author].id == id && !is_permanent(records_[r].key())) dropped.push_back(r);
    return true;
  });
  for (const RecordIndex record : dropped) {
    if (!records_[record].erased) watches_.note(records_[record].key(), true);
    remove(record);
  }
}

void Ledger::drop_expired(const Now& now) {
  const Bound old{{Hlc::at(now.wall.ms - options_.life_ms - kDropDelayMs).packed, {}}, false};
  std::vector<RecordIndex> dropped;
  records_.walk_positions(Bound::start(), old, [&](RecordIndex r) {
    dropped.push_back(r);
    return dropped.size() < kDropsPerTimer;
  });
  for (const RecordIndex record : dropped) {
    if (!records_[record].erased) watches_.note(records_[record].key(), true);
    remove(record);
  }
}

std::vector<Bytes> Ledger::on_timer(const Now& now) {
  std::vector<Bytes> deltas;
  const Hlc due = Hlc::at(now.wall.ms - options_.life_ms / 2);
  while (!mine_.empty() && mine_.begin()->first < due.packed && deltas.size() < kRenewalsPerTimer) {
    const Record& record = records_[mine_.begin()->second];
    const std::string key(record.key());
    const Bytes value(record.value().begin(), record.value().end());
    Result<Bytes> delta = put(now, key, value);
    if (!delta) break;  // the clock is wrong, or this node was shut out: the entries end their life
    deltas.push_back(std::move(*delta));
  }
  drop_expired(now);
  return deltas;
}

bool Ledger::is_mine(const Record& record) const {
  return self_ != nullptr && !record.erased && !is_permanent(record.key()) &&
         authors_[record.author].key == self_->public_key;
}

std::optional<Found> Ledger::get(std::string_view key) const {
  const RecordIndex record = records_.find(key);
  if (record == kNoRecord || records_[record].erased) return std::nullopt;
  return found(record);
}

Found Ledger::found(RecordIndex record) const {
  const Record& held = records_[record];
  return {held.key(), held.value(), held.stamp(), authors_[held.author].id};
}

Hash Ledger::state_hash() const {
  const SetSum& total = records_.total();
  ByteArray<40> bytes;
  std::memcpy(bytes.data(), total.words.data(), 32);
  std::memcpy(bytes.data() + 32, &total.count, 8);
  return hash_of(bytes);
}

Bytes Ledger::encoded(RecordIndex record) const {
  const Record& held = records_[record];
  Entry entry;
  entry.cell = is_permanent(held.key()) ? 0 : options_.cell;
  entry.key = held.key();
  entry.value.assign(held.value().begin(), held.value().end());
  entry.erased = held.erased;
  entry.stamp = held.stamp();
  entry.author = authors_[held.author].key;
  entry.signature = held.signature;
  return encode_entry(entry);
}

}  // namespace zswarm::bus
