#include "bus/ledger/position.h"

#include <algorithm>

namespace zswarm::bus {
namespace {

__extension__ using Uint128 = unsigned __int128;

ByteArray<Position::kBytes> bytes_of_position(const Position& position) {
  ByteArray<Position::kBytes> bytes;
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(position.stamp >> (56 - 8 * i));
  std::copy(position.hash.begin(), position.hash.end(), bytes.begin() + 8);
  return bytes;
}

Position position_of_bytes(ByteView prefix) {
  Position position;
  for (std::size_t i = 0; i < prefix.size() && i < Position::kBytes; ++i) {
    if (i < 8) {
      position.stamp |= std::uint64_t{prefix[i]} << (56 - 8 * i);
    } else {
      position.hash[i - 8] = prefix[i];
    }
  }
  return position;
}

}  // namespace

Bound bound_between(const Position& below, const Position& from) {
  ZS_BUS_ASSERT(below < from);
  const auto low = bytes_of_position(below), high = bytes_of_position(from);
  const auto differ = std::mismatch(low.begin(), low.end(), high.begin()).first - low.begin();
  return {position_of_bytes(ByteView(high).first(static_cast<std::size_t>(differ) + 1)), false};
}

Bytes encode_bound(const Bound& bound) {
  if (bound.end) return {};
  const auto bytes = bytes_of_position(bound.at);
  const auto last = std::find_if(bytes.rbegin(), bytes.rend(), [](std::uint8_t b) { return b != 0; });
  return {bytes.begin(), last.base()};
}

Bound decode_lower(ByteView bytes) {
  return {position_of_bytes(bytes), false};
}

Bound decode_upper(ByteView bytes) {
  return bytes.empty() ? Bound::infinity() : decode_lower(bytes);
}

SetSum& SetSum::operator+=(const SetSum& other) {
  Uint128 carry = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    carry += Uint128{words[i]} + other.words[i];
    words[i] = static_cast<std::uint64_t>(carry);
    carry >>= 64;
  }
  count += other.count;
  return *this;
}

SetSum& SetSum::operator-=(const SetSum& other) {
  std::uint64_t borrow = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const Uint128 difference = Uint128{words[i]} - other.words[i] - borrow;
    words[i] = static_cast<std::uint64_t>(difference);
    borrow = (difference >> 64) != 0 ? 1 : 0;
  }
  count -= other.count;
  return *this;
}

}  // namespace zswarm::bus
