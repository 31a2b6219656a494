#include "bus/sim/cards.h"

#include <algorithm>
#include <cstring>

namespace zswarm::bus {
namespace {

constexpr std::size_t kIdBytes = 16, kCheckBytes = 8, kSignatureBytes = 64;

void put_u64(std::uint8_t* at, std::uint64_t value) {
  for (std::size_t i = 0; i < 8; ++i) at[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

std::uint64_t get_u64(const std::uint8_t* at) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value |= std::uint64_t{at[i]} << (8 * i);
  return value;
}

std::uint64_t checksum(std::uint64_t seed, ByteView bytes) {
  std::uint64_t sum = mixed(seed ^ bytes.size());
  for (const std::uint8_t byte : bytes) sum = mixed(sum ^ byte);
  return sum;
}

}  // namespace

SimulatedCards::SimulatedCards(std::uint64_t seed, std::size_t card_bytes)
    : seed_(seed), card_bytes_(std::max(card_bytes, kIdBytes + kCheckBytes)) {}

NodeId SimulatedCards::id(std::uint32_t number) const {
  NodeId id;
  const std::uint64_t head = mixed(seed_ ^ mixed(number));
  put_u64(id.bytes.data(), head);
  put_u64(id.bytes.data() + 8, (mixed(head) << 32) | (number ^ static_cast<std::uint32_t>(head)));
  return id;
}

std::uint32_t SimulatedCards::number(const NodeId& id) const {
  const auto low = static_cast<std::uint32_t>(get_u64(id.bytes.data() + 8));
  const std::uint32_t number = low ^ static_cast<std::uint32_t>(get_u64(id.bytes.data()));
  return this->id(number) == id ? number : UINT32_MAX;
}

Bytes SimulatedCards::card(const NodeId& id) const {
  Bytes card(card_bytes_);
  std::copy(id.bytes.begin(), id.bytes.end(), card.begin());
  put_u64(card.data() + card.size() - kCheckBytes, mixed(seed_ ^ get_u64(id.bytes.data())));
  return card;
}

Result<NodeId> SimulatedCards::check(ByteView card) const {
  NodeId id;
  if (card.size() != card_bytes_) return fail(ErrorCode::kMalformed, "the card has not the size of a card");
  std::copy_n(card.begin(), kIdBytes, id.bytes.begin());
  if (get_u64(card.data() + card.size() - kCheckBytes) != mixed(seed_ ^ get_u64(id.bytes.data())))
    return fail(ErrorCode::kMalformed, "the card's signature is not valid");
  return id;
}

Bytes SimulatedCards::sealed(const NodeId& author, ByteView content) const {
  Bytes sealed(author.bytes.begin(), author.bytes.end());
  sealed.insert(sealed.end(), content.begin(), content.end());
  const std::uint64_t sum = checksum(seed_, sealed);
  sealed.resize(sealed.size() + kSignatureBytes);
  put_u64(sealed.data() + sealed.size() - kCheckBytes, sum);
  return sealed;
}

std::optional<NodeId> SimulatedCards::author(ByteView sealed) const {
  if (sealed.size() < kIdBytes + kSignatureBytes) return std::nullopt;
  const ByteView signed_part = sealed.first(sealed.size() - kSignatureBytes);
  if (get_u64(sealed.data() + sealed.size() - kCheckBytes) != checksum(seed_, signed_part))
    return std::nullopt;
  NodeId id;
  std::copy_n(sealed.begin(), kIdBytes, id.bytes.begin());
  return id;
}

ByteView SimulatedCards::content(ByteView sealed) {
  if (sealed.size() < kIdBytes + kSignatureBytes) return {};
  return sealed.subspan(kIdBytes, sealed.size() - kIdBytes - kSignatureBytes);
}

}  // namespace zswarm::bus
