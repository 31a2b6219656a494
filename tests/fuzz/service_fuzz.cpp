// Any bytes into a client and a server of requests and streams: no crash, tables within their bounds, and
// none of it left when everybody has gone.
//
// The input is a list of steps: a byte that chooses what happens, then what it needs. Messages are taken as
// they are, or built from the input so that they get past the decoder.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "bus/service/client.h"
#include "bus/service/server.h"
#include "tests/fuzz/input.h"

namespace {

using namespace zswarm::bus;

struct World {
  World() : client({.calls_max = 8}, 1, random), server(config()) { (void)server.offer("s", 6); }

  static ServerConfig config() {
    ServerConfig c;
    c.calls_max = 8, c.calls_per_peer = 4, c.peers_max = 4, c.stream_events = 4, c.stream_bytes = 1000;
    c.waiting_bytes = 2000, c.buffered_bytes = 3000, c.record_bytes = 500;
    return c;
  }
  static NodeId node(std::uint8_t number) {
    NodeId id;
    id.bytes.fill(number % 8);
    return id;
  }

  void give(Input& input, const Bytes& message, const NodeId& from) {
    const auto header = read_header(message);
    if (!header) return;
    std::vector<Bytes> frames(input.byte() % 3, Bytes(input.byte()));
    (void)server.on_message(now, from, *header, message, frames, out);
    (void)client.on_message(now, from, *header, message, std::move(frames), out);
  }

  void step(Input& input) {
    const std::uint8_t what = input.byte(), who = input.byte();
    const std::uint32_t id = what % 2 == 0 ? input.byte() : stream;
    const Credit credit{input.byte(), std::uint64_t{input.byte()} << 12};
    switch (what % 16) {
      case 0:
        return give(input, input.bytes(), node(who));
      case 1:
      case 2:
        return give(
            input,
            write_request(
                id, {input.byte(), "s", 1000u * who + 1, 0, {1 + credit.events, kEventBytes}, input.bytes()}),
            node(who));
      case 3:
        return give(input, write_credit(what & 16 ? MessageType::kBeat : MessageType::kCredit, id, credit),
                    node(who));
      case 4:
        return give(input, write_cancel(id), node(who));
      case 5:
        return give(input, write_event(stream, input.byte(), input.bytes()), node(who));
      case 6:
        return give(input, write_end(stream, {input.byte(), {}, input.bytes()}), node(who));
      case 7:
        return give(input, write_alive(stream, input.byte()), node(who));
      case 8:
        if (const auto called = client.call(now, node(who), {.service = "s", .payload = input.bytes()}, out))
          stream = *called;
        return;
      case 9:
        return client.grant(now, stream, credit, out);
      case 10:
        return client.cancel(now, stream, out);
      case 11:
        client.on_lost(now, node(who));
        return server.on_lost(now, node(who));
      case 12:
        return answer(input);
      case 13:
        (void)server.take_notices();
        return;
      default:
        now = now + Duration(std::int64_t{who} * 20'000);
        client.on_timer(now, out);
        server.on_timer(now, out);
    }
  }

  void answer(Input& input) {
    for (const IncomingCall& call : server.take_calls()) last = call.call;
    const CallId call = last - std::min<CallId>(last, input.byte() % 4);
    for (int i = input.byte() % 8; i > 0; --i) (void)server.event(now, call, input.bytes(), {}, out);
    (void)server.writable(call);
    if (input.byte() % 2 == 0) (void)server.finish(now, call, input.bytes(), out);
  }

  void check() const {
    ZS_BUS_ASSERT(client.streams() <= 8);
    ZS_BUS_ASSERT(server.calls() <= 8 && server.peers() <= 4);
    ZS_BUS_ASSERT(server.waiting_bytes() <= 2000 && server.buffered_bytes() <= 3000);
    ZS_BUS_ASSERT(server.calls() == 0 || server.next_timer() != kNever);
    ZS_BUS_ASSERT((client.streams() == 0) == (client.next_timer() == kNever));
  }

  Random random{1};
  ServiceClient client;
  ServiceServer server;
  Outbox out;
  Time now{std::chrono::seconds(1)};
  std::uint32_t stream = 0;
  CallId last = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, std::min<std::size_t>(size, 4096));
  World world;
  while (!input.empty()) {
    world.step(input);
    world.check();
    (void)world.out.take();
    (void)world.client.take_events();
  }
  for (int second = 0; second < 600; ++second) {
    world.now = world.now + std::chrono::seconds(1);
    world.client.on_timer(world.now, world.out);
    world.server.on_timer(world.now, world.out);
    (void)world.server.take_calls();
  }
  ZS_BUS_ASSERT(world.client.streams() == 0 && world.server.calls() == 0 && world.server.peers() == 0);
  ZS_BUS_ASSERT(world.server.waiting_bytes() == 0 && world.server.buffered_bytes() == 0);
  return 0;
}
