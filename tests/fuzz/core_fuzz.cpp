// Any bytes into a whole node: hellos, welcomes, messages of members, clients and strangers, news, entries
// that others or the operator signed. No crash, tables within their bounds, and no answer to those who speak
// another version and say so.
//
// The input is a list of steps: a byte that chooses what happens, then what it needs.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "bus/core/core.h"
#include "bus/core/version.h"
#include "bus/keys/sealed_token.h"
#include "tests/fuzz/input.h"

namespace {

using namespace zswarm::bus;
using namespace std::chrono_literals;

Secret<32> seed_of(std::uint8_t number) {
  ByteArray<32> seed{};
  seed[0] = number;
  return Secret<32>::from(seed);
}

struct World {
  World() : operator_keys(SignKeyPair::from_seed(seed_of(100))) {
    token.secret = seed_of(101);
    token.operator_key = operator_keys.public_key;
    CoreOptions options;
    options.limits = {.members = 4, .duplicates = 2, .clients = 3, .clients_of_node = 2, .notes = 4};
    options.overlay.active_target = 1, options.overlay.active_max = 1, options.overlay.passive_max = 1;
    std::vector<NetworkKeys> epochs;
    epochs.push_back(NetworkKeys::of(token));
    core = std::move(*Core::create(options, Identity::from_seed(seed_of(0), 1), std::move(epochs)));
  }

  static Identity node(std::uint8_t number) { return Identity::from_seed(seed_of(1 + number % 8), 1); }
  Bytes card_of(std::uint8_t number, std::uint8_t incarnation) const {
    Card card;
    card.incarnation = incarnation;
    card.socket(Socket::kJoin) = Endpoint{"192.0.2.7", 7000};
    return *seal_card(card, node(number).sign, core->keys());
  }

  void message(Input& input, Bytes bytes) {
    const NodeId from = node(input.byte()).id;
    const Lane lane = input.byte() % 2 == 0 ? Lane::kControl : Lane::kDispatch;
    (void)core->on_message(now, from, lane, bytes, {});
  }
  Bytes with_header(Input& input) {
    const auto type = static_cast<MessageType>(input.byte() % 0x68);
    Bytes bytes = Writer(type, 0, input.byte()).take();
    const Bytes array = input.bytes();
    bytes.resize(kHeaderBytes);
    bytes.insert(bytes.end(), array.begin(), array.end());
    return bytes;
  }
  void entry(const SignKeyPair& keys, const std::string& key, const Bytes& value) {
    Ledger writer({.network = {core->keys().id.bytes.begin(), core->keys().id.bytes.end()},
                   .operator_key = operator_keys.public_key},
                  nullptr, 1);
    const auto delta = writer.put_as(keys, now, key, value);
    if (!delta) return;
    (void)core->ledger().merge(now, *delta);
    core->on_timer(now);
  }
  void operator_entry(Input& input) {
    const std::uint8_t what = input.byte(), about = input.byte();
    const NodeId id = about % 4 == 0 ? core->id() : node(about).id;
    if (what % 4 == 0) return entry(operator_keys, "network/revoked/" + node(about).id.text(), {});
    const std::uint32_t epoch = core->keys().epoch + what % 3;
    Token next = token.copy();
    next.epoch = epoch;
    next.secret = seed_of(what);
    const auto own = Identity::from_seed(seed_of(0), 1).curve.public_key;
    entry(operator_keys, epoch_key(epoch, id), about % 8 == 4 ? input.bytes() : *seal_token(next, own));
  }

  void step(Input& input) {
    now.steady = now.steady + 10ms;
    now.wall.ms += 10;
    const std::uint8_t what = input.byte();
    switch (what % 12) {
      case 0:
        (void)core->on_hello(now, input.bytes());
        return;
      case 1:
        (void)core->on_hello(now, Writer(MessageType::kHello, 1).bin(card_of(input.byte(), what)).take());
        return;
      case 2:
        (void)core->on_welcome(now, what & 16 ? input.bytes() : with_header(input));
        return;
      case 3:
        return message(input, input.bytes());
      case 4:
        return message(input, with_header(input));
      case 5:
        (void)core->on_gossip(now, node(input.byte()).id, with_header(input));
        return;
      case 6:
        return operator_entry(input);
      case 7: {
        const Identity author = node(input.byte());
        CurvePublicKey key{};
        key[0] = input.byte();
        const Bytes value = what & 16 ? input.bytes() : write_client({key, "c"});
        return entry(author.sign, client_key(author.id, client_id_of(key)), value);
      }
      case 8: {
        const std::uint8_t number = input.byte();
        const Bytes value = what & 16 ? input.bytes() : card_of(number, what);
        return entry(node(number).sign, "node/" + node(number).id.text() + "/card", value);
      }
      case 9:
        core->on_lost(now, node(input.byte()).id);
        return;
      case 10:
        (void)core->hint(now, input.bytes());
        return;
      default:
        now.steady = now.steady + input.byte() * 100ms;
        core->on_timer(now);
    }
  }

  void check() {
    for (const Effect& effect : core->take_effects()) {
      if (const auto* send = std::get_if<Send>(&effect))
        ZS_BUS_ASSERT(read_header(send->message).has_value());
    }
    ZS_BUS_ASSERT(core->members().all().size() <= 4 && core->duplicates().size() <= 2);
    ZS_BUS_ASSERT(core->clients().all().size() <= 3 && core->take_notes().size() <= 4);
    // Taken or not, an epoch never goes back; and what was taken is the token of the keys in use.
    ZS_BUS_ASSERT(core->keys().epoch >= highest_epoch);
    highest_epoch = core->keys().epoch;
    if (const auto taken = core->take_new_token()) ZS_BUS_ASSERT(taken->epoch == highest_epoch);
    const Status told = core->on_message(now, node(1).id, Lane::kControl, version_message(), {});
    ZS_BUS_ASSERT(!told);
    for (const Effect& effect : core->take_effects()) {
      const auto* send = std::get_if<Send>(&effect);
      ZS_BUS_ASSERT(send == nullptr || read_header(send->message)->type != MessageType::kVersion);
    }
  }

  const SignKeyPair operator_keys;
  Token token;
  std::unique_ptr<Core> core;
  Now now{Time{1s}, WallTime{1'800'000'000'000}};
  std::uint32_t highest_epoch = 1;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, std::min<std::size_t>(size, 2048));
  World world;
  while (!input.empty()) {
    world.step(input);
    world.check();
  }
  return 0;
}
