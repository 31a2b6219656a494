// What a peer that is silent, broken or hostile can do to reconciliation.
#include <gtest/gtest.h>

#include "tests/bus/ledger/sync_pair.h"

namespace zswarm::bus {
namespace {

using test::at_ms;
using test::node_key;
using test::signed_entry;
using test::SyncPair;
using End = SyncReport::End;

Bytes only_message(Outbox& outbox) {
  const auto effects = outbox.take();
  ZS_BUS_ASSERT(effects.size() == 1);
  return std::get<Send>(effects[0]).message;
}

struct HostileSync : ::testing::Test {
  SyncPair pair;
  Sync& sync = pair.b.sync;
  Outbox& outbox = pair.b.outbox;
  NodeId hostile = pair.a.id;

  void receive(const Bytes& message, std::int64_t ms = 0) {
    sync.on_message(at_ms(ms), hostile, message, outbox);
  }
  /// A session from outside that the node under test has answered.
  void open(std::uint32_t id = 5, std::int64_t ms = 0) {
    SyncOpen open;
    open.turn.fingerprints.push_back({{Bound::start(), Bound::infinity()}, {1}});
    receive(encode_open(id, open), ms);
  }
  SyncState answered() { return decode_turn(only_message(outbox))->turn.state; }
};

TEST_F(HostileSync, ASilentPeerLosesItsSession) {
  open();
  ASSERT_EQ(sync.sessions(), 1u);
  EXPECT_EQ(sync.next_timer(), (at_ms(0).steady + Sync::kSilence));
  sync.on_timer({at_ms(0).steady + Sync::kSilence - Duration(1), {}});
  EXPECT_EQ(sync.sessions(), 1u);
  sync.on_timer({at_ms(0).steady + Sync::kSilence, {}});
  EXPECT_EQ(sync.sessions(), 0u);
  EXPECT_EQ(sync.take_reports().at(0).end, End::kSilence);
  EXPECT_EQ(sync.next_timer(), kNever);
}

TEST_F(HostileSync, APeerCannotOpenSessionsFasterThanTheGap) {
  open(5, 0);
  EXPECT_EQ(answered(), SyncState::kGoOn);
  open(6, 499);
  EXPECT_EQ(answered(), SyncState::kBusy);
  open(7, 500);
  EXPECT_EQ(answered(), SyncState::kGoOn);
  EXPECT_EQ(sync.sessions(), 1u);  // the old one gave way
}

TEST_F(HostileSync, ManyPeersGetAsManySessionsAsThereAre) {
  for (std::size_t i = 0; i < 2 * Sync::kMaxSessions; ++i) {
    hostile.bytes[0] = static_cast<std::uint8_t>(i);
    open();
    EXPECT_EQ(answered(), i < Sync::kMaxSessions ? SyncState::kGoOn : SyncState::kBusy);
  }
  EXPECT_EQ(sync.sessions(), Sync::kMaxSessions);
  EXPECT_EQ(sync.open(at_ms(0), pair.a.id, outbox).error().code, ErrorCode::kBusy);
}

TEST_F(HostileSync, MessagesOutsideASessionAreDropped) {
  receive(encode_turn(5, true, {}));
  receive(encode_turn(5, false, {}));
  receive(encode_entries(5, true, {encode_entry(signed_entry(3, node_key(3, "x"), 0, {}))}));
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(pair.b.ledger.used().entries, 0u);
  open(5);
  (void)outbox.take();
  receive(encode_turn(6, true, {}));   // another session
  receive(encode_turn(5, false, {}));  // the other direction
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(sync.sessions(), 1u);
}

TEST_F(HostileSync, AMalformedMessageEndsTheSession) {
  open();
  Bytes message = encode_turn(5, true, {});
  message.push_back(0);
  receive(message);
  EXPECT_EQ(sync.take_reports().at(0).end, End::kFault);
}

TEST_F(HostileSync, ForgedEntriesEndTheSessionAndChangeNothing) {
  open();
  Entry forged = signed_entry(3, node_key(3, "x"), 0, {});
  forged.stamp.packed += 1;
  receive(encode_entries(5, true, std::vector<Bytes>(Sync::kMaxFaults - 1, encode_entry(forged))));
  EXPECT_EQ(sync.sessions(), 1u);
  SyncTurn turn;
  turn.lists.push_back({{Bound::start(), Bound::infinity()}, {ShortId{1}}});
  receive(encode_turn(5, true, turn));
  receive(encode_entries(5, true, {encode_entry(forged)}));
  EXPECT_EQ(sync.take_reports().at(0).end, End::kFault);
  EXPECT_EQ(pair.b.ledger.used().entries, 0u);
}

TEST_F(HostileSync, EntriesAloneDoNotKeepASessionAlive) {
  open();
  receive(encode_entries(5, true, {}));
  EXPECT_EQ(sync.sessions(), 1u);
  receive(encode_entries(5, true, {}));
  EXPECT_EQ(sync.take_reports().at(0).end, End::kFault);
}

TEST_F(HostileSync, ASessionThatNeverAgreesEnds) {
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(pair.b.ledger.put(at_ms(i), node_key(2, std::to_string(i)), Bytes(100)));
  open();
  SyncTurn wrong;
  wrong.fingerprints.push_back({{Bound::start(), Bound::infinity()}, {1}});
  std::size_t turns = 0;
  for (; sync.sessions() == 1 && turns < 10 * Sync::kMaxTurns; ++turns) {
    (void)outbox.take();
    receive(encode_turn(5, true, wrong));
  }
  EXPECT_EQ(turns, Sync::kMaxTurns);
  EXPECT_EQ(answered(), SyncState::kBusy);
  EXPECT_EQ(sync.take_reports().at(0).end, End::kTooLong);
}

TEST_F(HostileSync, WhateverIsAskedTheAnswerIsBounded) {
  Random random(1);
  for (int i = 0; i < 3'000; ++i)
    ASSERT_TRUE(pair.b.ledger.put(at_ms(i), node_key(2, std::to_string(i)), Bytes(random.below(300))));
  const Range all{Bound::start(), Bound::infinity()};
  const SyncLimits limits;
  SyncTurn greedy;
  greedy.lists.assign(600, {all, {}});
  greedy.wants.assign(600, {all, std::vector<ShortId>(20)});
  greedy.fingerprints.assign(600, {all, {1}});
  const TurnAnswer answer = TurnMaker(pair.b.ledger, {}, limits, random).answer(greedy);
  std::size_t bytes = 0;
  for (const Bytes& entry : answer.entries) bytes += entry.size();
  EXPECT_LE(bytes, limits.entry_bytes + kMaxEntryBytes);
  EXPECT_LE(answer.turn.fingerprints.size(), limits.ranges + limits.first_pieces + 1);
  const Bytes message = encode_turn(1, true, answer.turn);
  EXPECT_LT(message.size(), 128u * 1024);
  EXPECT_TRUE(decode_turn(message));
}

TEST_F(HostileSync, RangesThatAreNoneAreRefused) {
  const Bound low{{1, {}}, false}, high{{2, {}}, false};
  const auto decodes = [](const Bound& lower, const Bound& upper) {
    SyncTurn turn;
    turn.lists.push_back({{lower, upper}, {}});
    return decode_turn(encode_turn(1, true, turn)).has_value();
  };
  EXPECT_TRUE(decodes(low, high));
  EXPECT_FALSE(decodes(high, low));
  EXPECT_FALSE(decodes(low, low));
  SyncTurn many;
  many.lists.assign(kMaxWireRanges + 1, {{low, high}, {}});
  EXPECT_FALSE(decode_turn(encode_turn(1, true, many)));
  many.lists.assign(2, {{low, high}, std::vector<ShortId>(kMaxWireIds / 2 + 1)});
  EXPECT_FALSE(decode_turn(encode_turn(1, true, many)));
}

}  // namespace
}  // namespace zswarm::bus
