// Where an entry stands in the order that reconciliation goes through, bounds in that order, and the sums
// that stand for sets of entries.
//
// The order is by stamp, then hash: what differs between two nodes is mostly recent, so it lies together, and
// what ends its life is at the front. Entries without end of life have the top bit of the stamp set and lie
// behind all others. As bytes a position is stamp (8, big endian) and hash (32); a bound is a beginning of
// such bytes, the rest being zero, and the empty one, as an upper bound, is the end of everything.
//
// A set of entries is summed up as its size and the sum of their hashes, as little-endian numbers, modulo
// 2^256. Unlike exclusive or, entries made to cancel out must solve a generalised birthday problem (Wagner
// 2002) and not linear equations; ledger/sync.h says what that protects. Values only.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstring>
#include <optional>

#include "bus/ledger/entry.h"

namespace zswarm::bus {

struct Position {
  static constexpr std::size_t kBytes = 40;
  static constexpr std::uint64_t kPermanent = std::uint64_t{1} << 63;

  std::uint64_t stamp = 0;
  Hash hash{};

  friend auto operator<=>(const Position&, const Position&) = default;
};

/// The first position that is not below the bound; all positions are below the end.
struct Bound {
  Position at;
  bool end = false;

  [[nodiscard]] static Bound start() { return {}; }
  [[nodiscard]] static Bound infinity() { return {{}, true}; }
  [[nodiscard]] bool above(const Position& position) const { return end || position < at; }

  friend bool operator==(const Bound&, const Bound&) = default;
  friend std::strong_ordering operator<=>(const Bound& a, const Bound& b) {
    return a.end || b.end ? a.end <=> b.end : a.at <=> b.at;
  }
};

/// The shortest bound above `below` and not above `from`; below < from.
[[nodiscard]] Bound bound_between(const Position& below, const Position& from);

/// Without the zeros at its end; an upper bound that is the end is empty.
[[nodiscard]] Bytes encode_bound(const Bound& bound);
[[nodiscard]] Bound decode_lower(ByteView bytes);
[[nodiscard]] Bound decode_upper(ByteView bytes);

/// Size and sum of a set.
struct SetSum {
  std::array<std::uint64_t, 4> words{};
  std::uint64_t count = 0;

  [[nodiscard]] static SetSum of(const Hash& hash) {
    static_assert(std::endian::native == std::endian::little);
    SetSum sum;
    std::memcpy(sum.words.data(), hash.data(), hash.size());
    sum.count = 1;
    return sum;
  }
  SetSum& operator+=(const SetSum& other);
  SetSum& operator-=(const SetSum& other);

  friend bool operator==(const SetSum&, const SetSum&) = default;
};

}  // namespace zswarm::bus
