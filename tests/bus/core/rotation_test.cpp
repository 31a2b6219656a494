// A network changes its token while everybody stays connected.
#include <gtest/gtest.h>

#include "bus/keys/sealed_token.h"
#include "tests/bus/core/core_network.h"

namespace zswarm::bus {
namespace {

using namespace std::chrono_literals;

class Rotation : public testing::Test {
 protected:
  Rotation() {
    for (int i = 0; i < 4; ++i) network.add(token);
    for (std::size_t i = 1; i < 4; ++i) EXPECT_TRUE(network.join(network[i], network[0]));
    network.run(5s);
  }

  Status rotate(const Token& to) {
    return network.act(network[0],
                       [&](Core& core, const Now& now) { return core.rotate(now, operator_keys, to); });
  }
  std::uint32_t epoch(std::size_t i) { return network[i].core->keys().epoch; }
  std::uint32_t card_epoch(std::size_t at, std::size_t of) {
    const Member* member = network[at].core->members().find(network[of].id);
    return member == nullptr ? 0 : member->card.epoch;
  }
  bool write(std::size_t i, const std::string& text) {
    return network.act(network[i], [&](Core& core, const Now& now) {
      return core.put(now, "node/" + core.id().text() + "/note", bytes_of(text)).has_value();
    });
  }
  std::string read(std::size_t at, std::size_t of) {
    const auto found = network[at].core->ledger().get("node/" + network[of].id.text() + "/note");
    return found ? std::string(found->value.begin(), found->value.end()) : std::string();
  }

  const SignKeyPair operator_keys = SignKeyPair::from_seed(Secret<32>::random());
  const Token token = test_token(operator_keys);
  const Token next = test_token(operator_keys, 2);
  CoreNetwork network;
};

TEST_F(Rotation, ReachesEveryMemberWhileAllStayConnected) {
  ASSERT_TRUE(rotate(next));
  network.run(3s);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(epoch(i), 2u) << i;
    EXPECT_EQ(network[i].rekeyed, 1u);
    EXPECT_EQ(network[i].join_key, NetworkKeys::of(next).join_server.public_key);
    const auto taken = network[i].core->take_new_token();
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->text().reveal(), next.text().reveal());
    EXPECT_FALSE(network[i].core->take_new_token());
    EXPECT_FALSE(network[i].core->overlay().active().empty());
    for (std::size_t other = 0; other < 4; ++other) {
      if (other == i) continue;
      EXPECT_EQ(card_epoch(i, other), 2u) << i << " of " << other;
    }
  }
  ASSERT_TRUE(write(3, "still here"));
  network.run(2s);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(read(i, 3), "still here");
}

TEST_F(Rotation, KeepsIncarnationAndInstanceOfTheCard) {
  const Card before = network[0].core->members().find(network[2].id)->card;
  ASSERT_TRUE(rotate(next));
  network.run(3s);
  Card after = network[0].core->members().find(network[2].id)->card;
  EXPECT_EQ(after.epoch, 2u);
  after.epoch = before.epoch;
  EXPECT_EQ(after, before);
}

TEST_F(Rotation, TheOldTokenLetsNobodyInAndTheNewOneDoes) {
  ASSERT_TRUE(rotate(next));
  network.run(3s);
  EXPECT_FALSE(network.join(network.add(token), network[1]));
  CoreNetwork::Node& late = network.add(next);
  EXPECT_TRUE(network.join(late, network[1]));
  network.run(3s);
  EXPECT_EQ(network[3].core->members().find(late.id)->card.epoch, 2u);
  // Whoever turns to it shows a card that it can check, in questions for links as in shuffles.
  network.run(120s);
  EXPECT_TRUE(late.refused.empty()) << late.refused.front();
  EXPECT_GE(late.core->overlay().active().size(), 3u);
}

TEST_F(Rotation, ACardOfTheOldEpochCountsForMembersOnly) {
  const Bytes slow = network[3].core->card();
  CoreNetwork::Node& stranger = network.add(token);
  network[3].reachable = false;
  ASSERT_TRUE(rotate(next));
  network.run(500ms);
  const auto hello = [&](const Bytes& card) {
    const Bytes answer =
        network[1].core->on_hello(network.now(), Writer(MessageType::kHello, 1).bin(card).take());
    return read_header(answer)->type;
  };
  EXPECT_EQ(hello(slow), MessageType::kWelcome);
  EXPECT_EQ(hello(stranger.core->card()), MessageType::kRefusal);
}

TEST_F(Rotation, ARevokedNodeDoesNotGetTheNewToken) {
  const std::string key = "network/revoked/" + network[2].id.text();
  ASSERT_TRUE(network.act(network[0], [&](Core& core, const Now& now) {
    return core.put_as_operator(now, operator_keys, key, bytes_of("lost"));
  }));
  network.run(1s);
  ASSERT_TRUE(rotate(next));
  network.run(3s);
  EXPECT_EQ(epoch(1), 2u);
  EXPECT_EQ(epoch(2), 1u);
  EXPECT_FALSE(network[1].core->ledger().get(epoch_key(2, network[2].id)));
}

TEST_F(Rotation, AMemberThatWasAwayTakesTheTokenWhenItComesBack) {
  network[3].reachable = false;
  network.run(1s);
  ASSERT_TRUE(rotate(next));
  network.run(20s);
  ASSERT_EQ(epoch(2), 2u);
  ASSERT_EQ(epoch(3), 1u);
  network[3].reachable = true;
  network.run(120s);
  EXPECT_EQ(epoch(3), 2u);
  ASSERT_TRUE(write(3, "back"));
  network.run(5s);
  EXPECT_EQ(read(1, 3), "back");
}

TEST_F(Rotation, ShutsOutWhoCameWithTheOldTokenToAMemberThatHadNotHeardOfIt) {
  network[2].reachable = network[3].reachable = false;
  ASSERT_TRUE(rotate(next));
  network.run(20s);
  for (const std::size_t i : {0u, 1u}) network[i].reachable = false;
  for (const std::size_t i : {2u, 3u}) network[i].reachable = true;
  CoreNetwork::Node& stranger = network.add(token);
  ASSERT_TRUE(network.join(stranger, network[3]));
  network.run(60s);
  ASSERT_TRUE(network[3].admitted.contains(stranger.id));
  ASSERT_FALSE(stranger.core->overlay().active().empty());

  network[2].reachable = false;  // a member like others, though its card is of the old epoch
  for (const std::size_t i : {0u, 1u}) network[i].reachable = true;
  network.run(300s);
  ASSERT_EQ(epoch(3), 2u);
  ASSERT_EQ(stranger.core->keys().epoch, 1u);
  ASSERT_EQ(network[3].expelled.size(), 1u);
  EXPECT_NE(network[3].expelled[0].find("was no member when epoch 2 began"), std::string::npos);
  for (const std::size_t i : {0u, 1u, 3u}) {
    EXPECT_FALSE(network[i].admitted.contains(stranger.id)) << i;
    EXPECT_EQ(network[i].core->members().find(stranger.id), nullptr) << i;
    for (const Peer& neighbour : network[i].core->overlay().active()) EXPECT_NE(neighbour.id, stranger.id);
    EXPECT_EQ(card_epoch(i, 2), 1u) << i;
  }
  EXPECT_TRUE(stranger.core->overlay().active().empty());
  network[2].reachable = true;
  network.run(300s);
  EXPECT_EQ(epoch(2), 2u);
  EXPECT_EQ(network[2].core->members().find(stranger.id), nullptr);
  EXPECT_EQ(card_epoch(3, 2), 2u);
}

TEST_F(Rotation, TwoInARowEndWithTheLatest) {
  const Token third = test_token(operator_keys, 3);
  ASSERT_TRUE(rotate(next));
  ASSERT_TRUE(rotate(third));
  network.run(3s);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(epoch(i), 3u);
    EXPECT_EQ(network[i].core->take_new_token()->epoch, 3u);
  }
}

TEST_F(Rotation, IsRefusedForAnotherNetworkAndForAnEpochThatIsNotHigher) {
  const SignKeyPair others = SignKeyPair::from_seed(Secret<32>::random());
  EXPECT_EQ(rotate(test_token(others, 2)).error().code, ErrorCode::kRefused);
  EXPECT_EQ(rotate(test_token(operator_keys, 1)).error().code, ErrorCode::kRefused);
  EXPECT_EQ(epoch(0), 1u);
  const Status unsigned_one =
      network.act(network[0], [&](Core& core, const Now& now) { return core.rotate(now, others, next); });
  EXPECT_EQ(unsigned_one.error().code, ErrorCode::kRefused);
}

TEST_F(Rotation, WhatIsNoTokenOfItsEpochIsPassedOverAndNoted) {
  const auto put = [&](std::uint32_t epoch, const Bytes& sealed) {
    ASSERT_TRUE(network.act(network[0], [&](Core& core, const Now& now) {
      return core.put_as_operator(now, operator_keys, epoch_key(epoch, network[1].id), sealed);
    }));
    network.run(1s);
  };
  put(5, Bytes(200, 7));
  put(6, *seal_token(next, network[1].curve_key));  // of epoch 2
  put(2, *seal_token(next, network[2].curve_key));  // another member's
  EXPECT_EQ(epoch(1), 1u);
  EXPECT_EQ(network[1].notes.size(), 3u);
  put(7, *seal_token(test_token(operator_keys, 7), network[1].curve_key));
  EXPECT_EQ(epoch(1), 7u);
}

}  // namespace
}  // namespace zswarm::bus
