// A treap over records that live elsewhere: an ordered index whose links are fields of the records.
//
// Seidel, Aragon, "Randomized Search Trees", 1996: priorities are random, so the depth is about 2 ln n on
// average whatever the order of insertion, and an adversary who cannot guess the priorities cannot make it
// deep. Records are named by 32-bit numbers. Traits says how:
//   Links& links(Index)                  left and right child in this index
//   std::uint32_t priority(Index)        random, fixed while the record is in an index
//   bool before(Index, Index)            a strict total order
//   void update(Index)                   called when the record's subtree has changed, children first
// Insertion, removal and the search for a place take O(log n). One thread; owns nothing.
#pragma once

#include <cstdint>
#include <utility>

namespace zswarm::bus {

using RecordIndex = std::uint32_t;
inline constexpr RecordIndex kNoRecord = 0xffff'ffff;

struct TreapLinks {
  RecordIndex left = kNoRecord, right = kNoRecord;
};

template <class Traits>
class Treap {
 public:
  explicit Treap(Traits traits) : traits_(std::move(traits)) {}

  void insert(RecordIndex record) {
    traits_.links(record) = {};
    root_ = inserted(root_, record);
  }

  /// The record must be in the index, and its place in the order unchanged.
  void erase(RecordIndex record) { root_ = erased(root_, record); }

  [[nodiscard]] RecordIndex root() const { return root_; }

  /// The first record for which is_before(record) does not hold, kNoRecord if it holds for all. is_before
  /// must hold for a beginning of the order.
  template <class IsBefore>
  [[nodiscard]] RecordIndex first_not(IsBefore is_before) const {
    RecordIndex found = kNoRecord;
    for (RecordIndex at = root_; at != kNoRecord;) {
      if (is_before(at)) {
        at = traits_.links(at).right;
      } else {
        found = std::exchange(at, traits_.links(at).left);
      }
    }
    return found;
  }

  /// Visits in order, from first_not(is_before) on, until visit(record) returns false. The index must not
  /// change meanwhile.
  template <class IsBefore, class Visit>
  void walk(IsBefore is_before, Visit visit) const {
    (void)walked(root_, is_before, visit);
  }

 private:
  RecordIndex inserted(RecordIndex at, RecordIndex record) {
    if (at == kNoRecord) {
      traits_.update(record);
      return record;
    }
    if (traits_.priority(record) > traits_.priority(at)) {
      auto [left, right] = split(at, record);
      traits_.links(record) = {left, right};
      traits_.update(record);
      return record;
    }
    TreapLinks& links = traits_.links(at);
    RecordIndex& side = traits_.before(record, at) ? links.left : links.right;
    side = inserted(side, record);
    traits_.update(at);
    return at;
  }

  /// Those before `record`, and the others.
  std::pair<RecordIndex, RecordIndex> split(RecordIndex at, RecordIndex record) {
    if (at == kNoRecord) return {kNoRecord, kNoRecord};
    TreapLinks& links = traits_.links(at);
    if (traits_.before(at, record)) {
      const auto [left, right] = split(links.right, record);
      links.right = left;
      traits_.update(at);
      return {at, right};
    }
    const auto [left, right] = split(links.left, record);
    links.left = right;
    traits_.update(at);
    return {left, at};
  }

  RecordIndex joined(RecordIndex a, RecordIndex b) {
    if (a == kNoRecord) return b;
    if (b == kNoRecord) return a;
    if (traits_.priority(a) > traits_.priority(b)) {
      traits_.links(a).right = joined(traits_.links(a).right, b);
      traits_.update(a);
      return a;
    }
    traits_.links(b).left = joined(a, traits_.links(b).left);
    traits_.update(b);
    return b;
  }

  RecordIndex erased(RecordIndex at, RecordIndex record) {
    TreapLinks& links = traits_.links(at);
    if (at == record) return joined(links.left, links.right);
    RecordIndex& side = traits_.before(record, at) ? links.left : links.right;
    side = erased(side, record);
    traits_.update(at);
    return at;
  }

  template <class IsBefore, class Visit>
  bool walked(RecordIndex at, IsBefore& is_before, Visit& visit) const {
    if (at == kNoRecord) return true;
    const TreapLinks& links = traits_.links(at);
    if (!is_before(at) && (!walked(links.left, is_before, visit) || !visit(at))) return false;
    return walked(links.right, is_before, visit);
  }

  Traits traits_;
  RecordIndex root_ = kNoRecord;
};

}  // namespace zswarm::bus
