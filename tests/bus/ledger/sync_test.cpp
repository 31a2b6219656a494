#include "bus/ledger/sync.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/bus/ledger/sync_pair.h"

namespace zswarm::bus {
namespace {

using test::at_ms;
using test::node_key;
using test::signed_entry;
using test::SyncPair;
using End = SyncReport::End;

constexpr std::size_t kPool = 400;

/// Entries of one author under different keys; made once, since signing takes the time.
const std::vector<Bytes>& pool() {
  static const std::vector<Bytes> all = [] {
    std::vector<Bytes> v;
    Random random(3);
    for (std::size_t i = 0; i < kPool; ++i) {
      const auto ms = static_cast<std::int64_t>(random.below(1'000));
      const bool permanent = i % 50 == 0;
      const std::string name = std::to_string(i);
      v.push_back(
          encode_entry(signed_entry(permanent ? 0 : 3, permanent ? "network/" + name : node_key(3, name), ms,
                                    Bytes(random.below(40)))));
    }
    return v;
  }();
  return all;
}

void hold(Ledger& ledger, std::size_t number) {
  ZS_BUS_ASSERT(ledger.merge(at_ms(0), pool()[number]).verdict == Verdict::kNew);
}

/// Small limits, so that a few entries go through all of it.
SyncLimits small_limits(Random& random) {
  SyncLimits limits;
  limits.leaf = 1 + random.below(8);
  limits.fewest_pieces = 2 + random.below(3);
  limits.first_pieces = limits.fewest_pieces + random.below(8);
  limits.pieces_wanted = 1 + random.below(32);
  limits.ranges = 1 + random.below(24);
  limits.ids = 1 + random.below(64);
  limits.scanned = 1 + random.below(200);
  limits.entry_bytes = 1 + random.below(2'000);
  limits.list_scan = limits.leaf + random.below(64);
  return limits;
}

struct Split {
  std::size_t only_a = 0, only_b = 0, both = 0;
};

/// Gives each of `count` entries to a, to b or to both, mostly to both.
Split deal(SyncPair& pair, std::size_t count, Random& random) {
  Split split;
  const std::size_t rare = 2 + random.below(10);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t draw = random.below(rare);
    if (draw != 0) hold(pair.a.ledger, i);
    if (draw != 1) hold(pair.b.ledger, i);
    ++(draw == 0 ? split.only_b : draw == 1 ? split.only_a : split.both);
  }
  return split;
}

RC_GTEST_PROP(Sync, FindsExactlyWhatEitherLacks, (std::uint64_t seed, std::uint8_t size)) {
  Random random(seed);
  SyncPair pair(seed);
  const Split split = deal(pair, std::min<std::size_t>(size, kPool), random);
  const SyncReport report = pair.reconcile(at_ms(0));
  RC_ASSERT(report.end == End::kEqual);
  RC_ASSERT(pair.peer_report.end == End::kEqual);
  RC_ASSERT(pair.a.ledger.state_hash() == pair.b.ledger.state_hash());
  RC_ASSERT(report.entries_new == split.only_b);
  RC_ASSERT(report.entries_sent == split.only_a);
  RC_ASSERT(pair.peer_report.entries_sent == split.only_b);
  RC_ASSERT(report.entries_refused + pair.peer_report.entries_refused == 0u);
  RC_ASSERT(report.bytes_sent == pair.peer_report.bytes_received);
  RC_ASSERT(report.entry_bytes_received == pair.peer_report.entry_bytes_sent);
}

RC_GTEST_PROP(Sync, EndsEquallyUnderTheTightestLimits, (std::uint64_t seed, std::uint8_t size)) {
  Random random(seed);
  SyncPair pair(seed, small_limits(random));
  const Split split = deal(pair, size % 120u, random);
  std::size_t sessions = 0, sent = 0;
  for (End end = End::kTooLong; end == End::kTooLong; ++sessions) {
    RC_ASSERT(sessions < 20u);
    const SyncReport report = pair.reconcile(at_ms(static_cast<std::int64_t>(sessions) * 500));
    end = report.end;
    sent += report.entries_sent + pair.peer_report.entries_sent;
  }
  RC_ASSERT(pair.a.ledger.state_hash() == pair.b.ledger.state_hash());
  RC_ASSERT(sent >= split.only_a + split.only_b);
  RC_ASSERT(sent <= 2 * (split.only_a + split.only_b));
}

TEST(Sync, BringsANewNodeUpToDateAndBack) {
  for (const bool opener_is_new : {true, false}) {
    SyncPair pair;
    for (std::size_t i = 0; i < kPool; ++i) hold(opener_is_new ? pair.b.ledger : pair.a.ledger, i);
    const SyncReport report = pair.reconcile(at_ms(0));
    EXPECT_EQ(report.end, End::kEqual);
    EXPECT_EQ(report.entries_new + pair.peer_report.entries_new, kPool);
    EXPECT_EQ(pair.a.ledger.state_hash(), pair.b.ledger.state_hash());
    EXPECT_LT(pair.largest, 70'000u);
  }
}

TEST(Sync, OfEqualLedgersTakesOneRoundTrip) {
  SyncPair pair;
  for (std::size_t i = 0; i < kPool; ++i) hold(pair.a.ledger, i), hold(pair.b.ledger, i);
  const SyncReport report = pair.reconcile(at_ms(0));
  EXPECT_EQ(report.messages_sent, 1u);
  EXPECT_EQ(pair.peer_report.messages_sent, 1u);
  EXPECT_EQ(report.end, End::kEqual);
}

TEST(Sync, CarriesTheNewerOfTwoValuesOnly) {
  SyncPair pair;
  const Bytes older = encode_entry(signed_entry(3, node_key(3, "x"), 0, {1}));
  const Bytes newer = encode_entry(signed_entry(3, node_key(3, "x"), 1, {2}));
  ASSERT_EQ(pair.a.ledger.merge(at_ms(0), older).verdict, Verdict::kNew);
  ASSERT_EQ(pair.b.ledger.merge(at_ms(0), newer).verdict, Verdict::kNew);
  (void)pair.reconcile(at_ms(0));
  EXPECT_EQ(pair.a.ledger.get(node_key(3, "x"))->value[0], 2);
  EXPECT_EQ(pair.a.ledger.state_hash(), pair.b.ledger.state_hash());
}

TEST(Sync, LeavesAloneWhatIsAboutToEnd) {
  SyncPair pair;
  const std::int64_t end_ms = LedgerOptions{}.life_ms;
  for (std::size_t i = 1; i < 9; ++i) hold(pair.a.ledger, i);
  const SyncReport report = pair.reconcile(at_ms(end_ms - 10'000));
  EXPECT_EQ(report.end, End::kEqual);
  EXPECT_EQ(report.entries_sent, 0u);
}

TEST(Sync, TakesRevocationsAlongAndWhatTheRevokedWroteNoFurther) {
  SyncPair pair;
  hold(pair.a.ledger, 1);
  const std::string revoked = "network/revoked/" + test::id_of(3).text();
  ASSERT_TRUE(pair.b.ledger.put_as(test::signer(0), at_ms(0), revoked, {}));
  const SyncReport report = pair.reconcile(at_ms(0));
  EXPECT_EQ(report.end, End::kEqual);
  EXPECT_TRUE(pair.a.ledger.is_revoked(test::id_of(3)));
  EXPECT_EQ(pair.a.ledger.state_hash(), pair.b.ledger.state_hash());
}

TEST(Sync, SaysThatAnotherCellIsAnotherLedger) {
  SyncPair pair;
  LedgerOptions seven = test::options();
  seven.cell = 7;
  Ledger other(seven, nullptr, 1);
  Sync sync(other, 1);
  Outbox outbox;
  ASSERT_TRUE(sync.open(at_ms(0), pair.b.id, outbox));
  const Bytes message = std::get<Send>(outbox.take().at(0)).message;
  pair.b.sync.on_message(at_ms(0), pair.a.id, message, pair.b.outbox);
  sync.on_message(at_ms(0), pair.b.id, std::get<Send>(pair.b.outbox.take().at(0)).message, outbox);
  EXPECT_EQ(sync.take_reports().at(0).end, End::kOtherCell);
  EXPECT_EQ(pair.b.sync.sessions(), 0u);
}

}  // namespace
}  // namespace zswarm::bus
