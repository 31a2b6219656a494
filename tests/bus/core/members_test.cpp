#include "bus/core/members.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace zswarm::bus {
namespace {

Card card_of(std::size_t number, std::uint64_t incarnation = 1, std::uint32_t epoch = 1) {
  Card card;
  card.sign_key[0] = static_cast<std::uint8_t>(number);
  card.sign_key[1] = static_cast<std::uint8_t>(number >> 8);
  card.incarnation = incarnation;
  card.epoch = epoch;
  for (const Socket socket : {Socket::kJoin, Socket::kGossip, Socket::kControl})
    card.socket(socket) = Endpoint{"127.0.0.1", 7000};
  return card;
}
NodeId id_of(std::size_t number) {
  return card_of(number).id();
}
Time at(int seconds) {
  return Time{std::chrono::seconds(seconds)};
}
bool nobody(const NodeId&) {
  return false;
}

TEST(Members, ACardOfAHigherIncarnationOrOfALaterEpochCounts) {
  Members members(8);
  EXPECT_TRUE(members.learn(at(1), card_of(1, 5, 2)));
  EXPECT_TRUE(members.learn(at(2), card_of(1, 4, 3)));
  EXPECT_TRUE(members.learn(at(2), card_of(1, 5, 1)));
  EXPECT_EQ(members.find(id_of(1))->card, card_of(1, 5, 2));
  EXPECT_EQ(members.find(id_of(1))->heard, at(1));
  EXPECT_TRUE(members.learn(at(3), card_of(1, 5, 3)));
  EXPECT_EQ(members.find(id_of(1))->card, card_of(1, 5, 3));
  EXPECT_TRUE(members.learn(at(4), card_of(1, 6, 1)));
  EXPECT_EQ(members.find(id_of(1))->card, card_of(1, 6, 1));
}

TEST(Members, TheDeadGoFirstThenThoseSilentLongest) {
  Members members(4);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(members.learn(at(i), card_of(static_cast<std::size_t>(i))));
  members.set_state(id_of(2), MemberState::kDead);
  members.heard(at(10), id_of(0));
  EXPECT_FALSE(members.learn(at(11), card_of(9)));
  EXPECT_EQ(members.make_room(nobody), std::vector<NodeId>{id_of(2)});
  EXPECT_EQ(members.make_room(nobody), std::vector<NodeId>{id_of(1)});
  EXPECT_EQ(members.make_room(nobody), std::vector<NodeId>{id_of(3)});
  EXPECT_TRUE(members.learn(at(12), card_of(9)));
}

TEST(Members, WhoIsKeptStaysEvenWhereNoRoomCanBeMade) {
  Members members(2);
  ASSERT_TRUE(members.learn(at(1), card_of(1)));
  ASSERT_TRUE(members.learn(at(2), card_of(2)));
  members.set_state(id_of(1), MemberState::kLeft);
  EXPECT_EQ(members.make_room([](const NodeId& id) { return id == id_of(1); }),
            std::vector<NodeId>{id_of(2)});
  EXPECT_TRUE(members.make_room([](const NodeId&) { return true; }).empty());
  EXPECT_NE(members.find(id_of(1)), nullptr);
}

TEST(Members, AHintIsKeptOfThoseWhoAreKnownAndTheLatestCounts) {
  Members members(2);
  ASSERT_TRUE(members.learn(at(1), card_of(1)));
  members.set_hint(at(2), id_of(1), Bytes{1}, {5, 1});
  members.set_hint(at(3), id_of(1), Bytes{2, 3}, {5, 2});
  members.set_hint(at(4), id_of(1), Bytes{9}, {5, 1});  // late
  members.set_hint(at(4), id_of(1), Bytes{9}, {4, 7});  // of the process before
  members.set_hint(at(3), id_of(7), Bytes{4}, {1, 1});
  EXPECT_EQ(members.find(id_of(1))->hint, (Bytes{2, 3}));
  EXPECT_EQ(members.find(id_of(1))->hint_at, at(3));
  EXPECT_EQ(members.find(id_of(7)), nullptr);
}

TEST(Members, OfAGuestNothingIsKnownButThatItWasHereAndThatItIsRevoked) {
  Members members(2);
  Card guest = card_of(1);
  guest.socket(Socket::kGossip).reset();
  ASSERT_TRUE(members.learn(at(1), guest));
  EXPECT_EQ(members.find(id_of(1))->state, MemberState::kGuest);
  EXPECT_EQ(members.living(), 0u);
  members.set_state(id_of(1), MemberState::kAlive);
  members.set_state(id_of(1), MemberState::kDead);
  EXPECT_EQ(members.find(id_of(1))->state, MemberState::kGuest);
  ASSERT_TRUE(members.learn(at(2), card_of(1, 2)));  // it listens in its next run
  EXPECT_EQ(members.find(id_of(1))->state, MemberState::kAlive);
  members.set_state(id_of(1), MemberState::kRevoked);
  guest.incarnation = 3;
  ASSERT_TRUE(members.learn(at(3), guest));
  EXPECT_EQ(members.find(id_of(1))->state, MemberState::kRevoked);
}

RC_GTEST_PROP(Members, NeverGrowBeyondTheirPlaces, (const std::vector<std::uint8_t>& who)) {
  Members members(16);
  for (const std::uint8_t number : who) {
    if (members.is_full_for(id_of(number))) RC_ASSERT(members.make_room(nobody).size() == 1u);
    RC_ASSERT(members.learn(at(number), card_of(number)));
    RC_ASSERT(members.all().size() <= 16u);
    RC_ASSERT(members.find(id_of(number)) != nullptr);
  }
}

}  // namespace
}  // namespace zswarm::bus
