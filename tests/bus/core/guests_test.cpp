// Guests: nodes whose cards show no addresses. They are admitted, answered, and left alone.
#include <gtest/gtest.h>

#include "bus/core/core.h"
#include "tests/bus/core/core_network.h"

namespace zswarm::bus {
namespace {

using namespace std::chrono_literals;

class Guests : public testing::Test {
 protected:
  void SetUp() override {
    for (std::size_t i = 0; i < 2; ++i) network.add(token);
    ASSERT_TRUE(network.join(network[1], network[0]));
    network.run(3s);
  }
  [[nodiscard]] Bytes card(std::vector<Socket> sockets = {}) const {
    Card shown;
    shown.incarnation = guest.incarnation;
    for (const Socket socket : sockets) shown.socket(socket) = Endpoint{"127.0.0.1", 9};
    return *seal_card(shown, guest.sign, NetworkKeys::of(token));
  }
  /// The type of the answer to a hello with this card.
  MessageType hello(const Bytes& shown) {
    const Bytes answer =
        network[0].core->on_hello(network.now(), Writer(MessageType::kHello, 1).bin(shown).take());
    network.act(network[0], [](Core&, const Now&) { return 0; });
    return peek_header(answer)->type;
  }
  /// What node 0 has sent to the guest.
  [[nodiscard]] std::vector<MessageType> sent() const {
    std::vector<MessageType> types;
    for (const auto& message : network.to_others) types.push_back(peek_header(message.message.message)->type);
    return types;
  }

  const SignKeyPair operator_keys = SignKeyPair::from_seed(Secret<32>::random());
  const Token token = test_token(operator_keys);
  const Identity guest = Identity::from_seed(Secret<32>::random(), 1);
  CoreNetwork network;
};

TEST_F(Guests, AreAdmittedAndNotAskedForALink) {
  for (const auto& sockets : {std::vector<Socket>{}, {Socket::kJoin, Socket::kControl}}) {
    EXPECT_EQ(hello(card(sockets)), MessageType::kWelcome);
    network.run(120s);
    EXPECT_TRUE(network[0].admitted.contains(guest.id));
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(network[0].core->members().find(guest.id)->state, MemberState::kGuest);
    EXPECT_EQ(network[1].core->members().find(guest.id), nullptr);
  }
}

TEST_F(Guests, AreNotTakenIntoAViewThoughTheyAsk) {
  ASSERT_EQ(hello(card()), MessageType::kWelcome);
  const auto with_peer = [&](Writer writer) { return writer.array(2).id(guest.id).bin(card()).take(); };
  EXPECT_FALSE(
      network.send_as(guest.id, network[0], Lane::kControl, with_peer(Writer(MessageType::kJoin, 1))));
  Writer neighbour(MessageType::kNeighbour, 2);
  neighbour.uint(1);
  EXPECT_FALSE(network.send_as(guest.id, network[0], Lane::kControl, with_peer(std::move(neighbour))));
  network.run(1s);
  EXPECT_EQ(network[0].core->overlay().active().size(), 1u);
  EXPECT_TRUE(sent().empty());
}

TEST_F(Guests, AreAnsweredWhenTheyProbeAndReconcile) {
  ASSERT_EQ(hello(card()), MessageType::kWelcome);
  ASSERT_TRUE(network.send_as(guest.id, network[0], Lane::kControl,
                              Writer(MessageType::kProbe, 4, 7).uint(1).uint(1).uint(0).uint(0).take()));
  SyncOpen open;
  open.turn.lists.push_back({{Bound::start(), Bound::infinity()}, {}});
  ASSERT_TRUE(network.send_as(guest.id, network[0], Lane::kControl, encode_open(9, open)));
  network.run(1s);
  EXPECT_EQ(sent(), (std::vector<MessageType>{MessageType::kProbeAck, MessageType::kSyncEntries,
                                              MessageType::kSyncRanges}));
}

TEST_F(Guests, GetNoNewTokenAndCanBeRevoked) {
  ASSERT_EQ(hello(card()), MessageType::kWelcome);
  const Token next = test_token(operator_keys, 2);
  ASSERT_TRUE(network.act(network[0],
                          [&](Core& core, const Now& now) { return core.rotate(now, operator_keys, next); }));
  EXPECT_TRUE(network[0].core->ledger().get(epoch_key(2, network[1].id)));
  EXPECT_FALSE(network[0].core->ledger().get(epoch_key(2, guest.id)));
  EXPECT_EQ(hello(card()), MessageType::kRefusal);  // of the epoch before, and given no new one
  ASSERT_TRUE(network.act(network[0], [&](Core& core, const Now& now) {
    return core.put_as_operator(now, operator_keys, "network/revoked/" + guest.id.text(), bytes_of("gone"));
  }));
  EXPECT_FALSE(network[0].admitted.contains(guest.id));
}

}  // namespace
}  // namespace zswarm::bus
