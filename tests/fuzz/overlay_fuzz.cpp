// Any bytes as any messages, in any order, into an overlay with neighbours: it lives, its views and its
// memory stay within their bounds, and it goes on having timers.
//
// The input is a list of steps: a byte that says what happens, a length, so many bytes. Messages get a valid
// header's first bytes unless the step says otherwise, so that the fuzzer need not find them.
#include <cstddef>
#include <cstdint>

#include "bus/overlay/overlay.h"
#include "bus/sim/cards.h"

namespace {

using namespace zswarm::bus;

constexpr std::uint32_t kPeers = 12;

/// What a driver does with effects, less the network.
std::size_t drain(Overlay& overlay, Outbox& out) {
  static_cast<void>(overlay.take_events());
  return out.take().size();
}

Bytes neighbour_request(const SimulatedCards& cards, std::uint32_t number) {
  Writer writer(MessageType::kNeighbour, 2);
  writer.uint(0);
  write_peer(writer, cards.peer(number));
  return writer.take();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const SimulatedCards cards(1, 40);
  OverlayConfig config;
  config.missing_max = 256;
  config.ids_kept = 256;
  config.news_bytes_kept = 16u << 10;
  Overlay overlay(config, cards, Self{cards.id(0), cards.card(cards.id(0)), 5, 6}, 7);
  Outbox out;
  Time now{Duration(1'000'000)};
  for (std::uint32_t i = 1; i <= 4; ++i)
    ZS_BUS_ASSERT(overlay.on_message(now, cards.id(i), neighbour_request(cards, i), out));
  for (std::size_t at = 0; at + 2 < size;) {
    const std::uint8_t what = data[at], from = data[at + 1];
    const std::size_t length = std::min<std::size_t>(data[at + 2], size - at - 3);
    Bytes bytes(data + at + 3, data + at + 3 + length);
    at += 3 + length;
    now = now + Duration(from >> 4) * Duration(90'000).count();
    const NodeId sender = cards.id(from % kPeers);
    if (what == 0xff) {
      overlay.on_lost(now, sender, out);
    } else if (what == 0xfe) {
      overlay.join(now, cards.peer(from % kPeers), out);
    } else if (what == 0xfd) {
      static_cast<void>(overlay.broadcast(now, std::move(bytes), out));
    } else if (what == 0xfc) {
      static_cast<void>(overlay.on_message(now, sender, bytes, out));
    } else {
      Bytes message{kMajorVersion, kMinorVersion, what, 0, 0, 0, 0, from};
      message.insert(message.end(), bytes.begin(), bytes.end());
      static_cast<void>(overlay.on_message(now, sender, message, out));
    }
    if (overlay.next_timer() <= now) overlay.on_timer(now, out);
    ZS_BUS_ASSERT(drain(overlay, out) < 2000);
    ZS_BUS_ASSERT(overlay.active().size() <= config.active_max);
    ZS_BUS_ASSERT(overlay.passive().size() <= config.passive_max);
    ZS_BUS_ASSERT(overlay.gossip().ids_held() <= config.ids_kept);
    ZS_BUS_ASSERT(overlay.gossip().missing() <= config.missing_max);
    ZS_BUS_ASSERT(overlay.gossip().bytes_held() <= config.news_bytes_kept + config.news_bytes_max + 64);
    ZS_BUS_ASSERT(overlay.next_timer() < kNever);
  }
  return 0;
}
