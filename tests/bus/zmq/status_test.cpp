#include "bus/zmq/status.h"

#include <gtest/gtest.h>

namespace zswarm::bus {
namespace {

struct Fixture {
  SignKeyPair operator_keys = SignKeyPair::from_seed(Secret<32>::random());
  Token token;
  Now now{Time{std::chrono::seconds(100)}, WallTime{1'800'000'000'000}};

  Fixture() {
    token.secret = Secret<32>::random();
    token.operator_key = operator_keys.public_key;
    token.epoch = 3;
  }
  [[nodiscard]] std::unique_ptr<Core> core(const std::string& name) const {
    CoreOptions options;
    options.card.name = name;
    for (const Socket socket : {Socket::kJoin, Socket::kGossip, Socket::kControl})
      options.card.socket(socket) = Endpoint{"192.0.2.7", 7000};
    options.instance = random_u64();
    std::vector<NetworkKeys> epochs;
    epochs.push_back(NetworkKeys::of(token));
    auto made =
        Core::create(std::move(options), Identity::from_seed(Secret<32>::random(), 5), std::move(epochs));
    EXPECT_TRUE(made);
    return std::move(*made);
  }
};

TEST(BusStatus, OfANodeAloneTellsItsOwnCard) {
  const Fixture f;
  const auto core = f.core("alone");
  const BusStatus status = status_of(*core);
  EXPECT_EQ(status.id, core->id());
  EXPECT_EQ(status.card.name, "alone");
  EXPECT_EQ(status.card.socket(Socket::kJoin)->text(), "192.0.2.7:7000");
  EXPECT_EQ(status.epoch, 3u);
  EXPECT_EQ(status.incarnation, 5u);
  EXPECT_TRUE(status.members.empty() && status.active.empty() && status.passive.empty());
}

TEST(BusStatus, TellsMembersAndWhoOfThemIsInReserve) {
  const Fixture f;
  const auto core = f.core("first"), other = f.core("second");
  (void)core->on_hello(f.now, other->hello());
  const BusStatus status = status_of(*core);
  ASSERT_EQ(status.members.size(), 1u);
  EXPECT_EQ(status.members[0].id, other->id());
  EXPECT_EQ(status.members[0].card.name, "second");
  EXPECT_EQ(status.members[0].state, MemberState::kAlive);
  EXPECT_FALSE(status.members[0].neighbour);
  EXPECT_FALSE(status.members[0].rtt);
  EXPECT_EQ(status.passive, std::vector<NodeId>{other->id()});
  EXPECT_EQ(status.ledger_entries, 1u);  // its own card
}

}  // namespace
}  // namespace zswarm::bus
