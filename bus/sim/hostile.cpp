#include "bus/sim/hostile.h"

#include <algorithm>

#include "bus/overlay/news.h"

namespace zswarm::bus {
namespace {

constexpr std::size_t kOverheardMax = 32;
constexpr std::uint32_t kFloodNews = 20;

}  // namespace

void Hostile::overhear(ByteView message) {
  if (overheard_.size() < kOverheardMax) {
    overheard_.emplace_back(message.begin(), message.end());
  } else if (random_.below(16) == 0) {
    overheard_[random_.below(kOverheardMax)].assign(message.begin(), message.end());
  }
}

NodeId Hostile::invented() {
  NodeId id;
  for (std::uint8_t& byte : id.bytes) byte = static_cast<std::uint8_t>(random_.next());
  return id;
}

Bytes Hostile::garbage() {
  Bytes bytes(random_.below(200));
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random_.next());
  if (bytes.size() > 2) bytes[0] = kMajorVersion;  // half-way to a message
  return bytes;
}

Bytes Hostile::damaged() {
  if (overheard_.empty()) return garbage();
  Bytes bytes = overheard_[random_.below(overheard_.size())];
  if (random_.below(2) == 0 && !bytes.empty())
    bytes[random_.below(bytes.size())] ^= static_cast<std::uint8_t>(1u << random_.below(8));
  return bytes;  // as often unchanged: a replay
}

Bytes Hostile::flood(bool forged) {
  Writer writer(MessageType::kGossip, 1);
  writer.array(kFloodNews);
  for (std::uint32_t i = 0; i < kFloodNews; ++i) {
    const NodeId origin = forged ? invented() : self_.id;
    const Bytes payload = forged ? Bytes(180) : cards_.sealed(self_.id, Bytes(100));
    writer.array(6).uint(0).id(origin).uint(random_.next()).bin(payload).uint(0).uint(0);
  }
  return writer.take();
}

Bytes Hostile::false_announcement() {
  Bytes ids;
  for (int i = 0; i < 64; ++i) {
    const NodeId id = invented();
    ids.insert(ids.end(), id.bytes.begin(), id.bytes.end());
    ids.push_back(0);
  }
  return Writer(MessageType::kIHave, 1).bin(ids).take();
}

Bytes Hostile::false_death(std::span<const Peer> others) {
  const NodeId victim = others.empty() ? invented() : others[random_.below(others.size())].id;
  const auto kind = static_cast<std::uint64_t>(random_.below(2) == 0 ? NewsKind::kDead : NewsKind::kLeft);
  Writer writer(MessageType::kGossip, 1);
  writer.array(1).array(6).uint(kind).id(victim).uint(1 + random_.below(4)).bin({}).uint(0).uint(0);
  return writer.take();
}

Bytes Hostile::false_views(std::span<const Peer> others) {
  Writer writer(MessageType::kShuffle, 3);
  writer.uint(0);
  write_peer(writer, self_);
  writer.array(3);
  write_peer(writer, {invented(), Bytes(300)});
  write_peer(writer, {invented(), self_.card});
  write_peer(writer, {others.empty() ? invented() : others[0].id, self_.card});
  return writer.take();
}

void Hostile::attack(std::span<const Peer> neighbours, std::span<const Peer> others, Outbox& out) {
  for (const Peer& peer : neighbours) {
    switch (random_.below(7)) {
      case 0:
        out.send(peer.id, garbage());
        break;
      case 1:
      case 2:
        out.send(peer.id, damaged());
        break;
      case 3:
        if (random_.below(20) == 0) out.send(peer.id, flood(random_.below(2) == 0));
        break;
      case 4:
        out.send(peer.id, false_announcement());
        break;
      case 5:
        if (random_.below(20) == 0) out.send(peer.id, false_death(others));
        break;
      default:
        out.send(peer.id, false_views(others));
        break;
    }
  }
}

}  // namespace zswarm::bus
