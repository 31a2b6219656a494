// The entries of a ledger in memory: records in blocks, ordered by key and by position.
//
// About 200 bytes a record beside key and value. Sizes and sums of position ranges take O(log n). This layer
// knows no rights, clocks or quotas; store.h does. One thread; owns the records. Views into a record hold
// until it is removed.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "bus/base/random.h"
#include "bus/ledger/position.h"
#include "bus/ledger/rules.h"
#include "bus/ledger/treap.h"

namespace zswarm::bus {

struct Record {
  std::unique_ptr<std::uint8_t[]> payload;  // the key, then the value
  SetSum subtree;                           // in the order of positions
  Hash hash{};
  Signature signature{};
  Position position_key() const { return {stamp_bits, hash}; }
  std::uint64_t stamp_bits = 0;  // with Position::kPermanent
  TreapLinks by_position, by_key;
  std::uint32_t priority = 0;
  std::uint32_t author = 0;  // number in the ledger's table of authors
  std::uint16_t key_bytes = 0, value_bytes = 0;
  bool erased = false;

  [[nodiscard]] std::string_view key() const {
    return {reinterpret_cast<const char*>(payload.get()), key_bytes};
  }
  [[nodiscard]] ByteView value() const { return {payload.get() + key_bytes, value_bytes}; }
  [[nodiscard]] Hlc stamp() const { return {stamp_bits & ~Position::kPermanent}; }
};

class Records {
 public:
  /// The seed must not be known to others: it keeps the trees shallow.
  explicit Records(std::uint64_t seed);
  Records(const Records&) = delete;
  Records& operator=(const Records&) = delete;

  /// The key must not be there yet.
  RecordIndex insert(const Entry& entry, const Hash& hash, std::uint32_t author);
  void remove(RecordIndex record);

  [[nodiscard]] const Record& operator[](RecordIndex record) const { return at(record); }
  [[nodiscard]] RecordIndex find(std::string_view key) const;

  [[nodiscard]] const SetSum& total() const;
  [[nodiscard]] SetSum sum(const Bound& lower, const Bound& upper) const;
  /// The record with `rank` records before it in the order of positions; rank < total().count.
  [[nodiscard]] RecordIndex by_rank(std::uint64_t rank) const;

  /// Visits in order until the visitor returns false; the records must not change meanwhile.
  template <class Visit>
  void walk_keys(std::string_view prefix, Visit visit) const {
    by_key_.walk([&](RecordIndex r) { return at(r).key() < prefix; },
                 [&](RecordIndex r) { return at(r).key().starts_with(prefix) && visit(r); });
  }
  template <class Visit>
  void walk_positions(const Bound& lower, const Bound& upper, Visit visit) const {
    by_position_.walk([&](RecordIndex r) { return lower.above(at(r).position_key()); },
                      [&](RecordIndex r) { return upper.above(at(r).position_key()) && visit(r); });
  }

 private:
  struct Block {
    Record records[256];
  };
  struct ByPosition {
    Records* all;
    TreapLinks& links(RecordIndex r) const { return all->at(r).by_position; }
    std::uint32_t priority(RecordIndex r) const { return all->at(r).priority; }
    bool before(RecordIndex a, RecordIndex b) const;
    void update(RecordIndex r) const;
  };
  struct ByKey {
    Records* all;
    TreapLinks& links(RecordIndex r) const { return all->at(r).by_key; }
    std::uint32_t priority(RecordIndex r) const { return all->at(r).priority; }
    bool before(RecordIndex a, RecordIndex b) const { return all->at(a).key() < all->at(b).key(); }
    void update(RecordIndex) const {}
  };

  [[nodiscard]] Record& at(RecordIndex r) const { return blocks_[r / 256]->records[r % 256]; }
  [[nodiscard]] RecordIndex take_slot();
  [[nodiscard]] SetSum sum_below(const Bound& bound) const;

  Random random_;
  std::vector<std::unique_ptr<Block>> blocks_;
  std::vector<RecordIndex> free_;
  RecordIndex used_ = 0;  // slots ever taken
  Treap<ByPosition> by_position_;
  Treap<ByKey> by_key_;
};

}  // namespace zswarm::bus
