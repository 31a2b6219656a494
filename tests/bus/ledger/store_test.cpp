#include "bus/ledger/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/bus/ledger/ledger_fixture.h"

namespace zswarm::bus {
namespace {

using test::at_ms;
using test::bytes_from;
using test::epoch_value;
using test::node_key;
using test::options;
using test::signed_entry;
using test::signer;
using ::testing::ElementsAre;

constexpr std::int64_t kLifeMs = LedgerOptions{}.life_ms;

std::string value_of(const Ledger& ledger, std::string_view key) {
  const auto found = ledger.get(key);
  return found ? std::string(found->value.begin(), found->value.end()) : "(none)";
}

std::vector<std::string> keys_below(const Ledger& ledger, std::string_view prefix) {
  std::vector<std::string> keys;
  ledger.for_each(prefix, [&](const Found& found) { return keys.emplace_back(found.key), true; });
  return keys;
}

struct LedgerTest : ::testing::Test {
  Ledger ledger{options(), &signer(1), 1};
  const std::string mine = node_key(1, "x"), theirs = node_key(2, "x");

  Verdict merge(const Entry& entry, std::int64_t ms = 0) {
    return ledger.merge(at_ms(ms), encode_entry(entry)).verdict;
  }
  /// The verdict, after a check that neither state nor clock nor accounts changed.
  Verdict merge_untouched(const Bytes& entry, std::int64_t ms = 0) {
    const Hash state = ledger.state_hash();
    const Hlc clock = ledger.clock();
    const Quota used = ledger.used();
    const Merged merged = ledger.merge(at_ms(ms), entry);
    EXPECT_EQ(ledger.state_hash(), state);
    EXPECT_EQ(ledger.clock(), clock);
    EXPECT_EQ(ledger.used().entries, used.entries);
    EXPECT_EQ(ledger.used().bytes, used.bytes);
    EXPECT_EQ(merged.refused(), !merged.why.empty());
    return merged.verdict;
  }
  Verdict merge_untouched(const Entry& entry, std::int64_t ms = 0) {
    return merge_untouched(encode_entry(entry), ms);
  }
};

TEST_F(LedgerTest, GivesBackWhatWasPutUntilItIsErased) {
  ASSERT_TRUE(ledger.put(at_ms(0), mine, bytes_from("one")));
  EXPECT_EQ(value_of(ledger, mine), "one");
  EXPECT_EQ(ledger.get(mine)->author, test::id_of(1));
  ASSERT_TRUE(ledger.put(at_ms(0), mine, bytes_from("two")));
  EXPECT_EQ(value_of(ledger, mine), "two");
  ASSERT_TRUE(ledger.erase(at_ms(0), mine));
  EXPECT_EQ(value_of(ledger, mine), "(none)");
  EXPECT_EQ(ledger.used().entries, 1u);  // the tombstone
}

TEST_F(LedgerTest, ListsValuesBelowAPrefixInOrder) {
  for (const char* name : {"b", "a", "c"}) ASSERT_TRUE(ledger.put(at_ms(0), node_key(1, name), {}));
  ASSERT_TRUE(ledger.erase(at_ms(0), node_key(1, "b")));
  ASSERT_EQ(merge(signed_entry(2, theirs, 0, {})), Verdict::kNew);
  EXPECT_THAT(keys_below(ledger, node_key(1, "")), ElementsAre(node_key(1, "a"), node_key(1, "c")));
  EXPECT_EQ(keys_below(ledger, "").size(), 3u);
  EXPECT_TRUE(keys_below(ledger, "node/~").empty());
}

TEST_F(LedgerTest, ADeltaBringsAnotherMemberToTheSameState) {
  Ledger other(options(), &signer(2), 2);
  for (const char* text : {"one", "two"}) {
    const auto delta = ledger.put(at_ms(0), mine, bytes_from(text));
    ASSERT_TRUE(delta);
    EXPECT_EQ(other.merge(at_ms(0), *delta).verdict, Verdict::kNew);
  }
  EXPECT_EQ(value_of(other, mine), "two");
  EXPECT_EQ(other.state_hash(), ledger.state_hash());
}

TEST_F(LedgerTest, AWriteAfterAReadWinsThoughTheWriterSClockIsBehind) {
  ASSERT_EQ(merge(signed_entry(2, "placement/m", 4'000, epoch_value(1, "theirs"))), Verdict::kNew);
  ASSERT_TRUE(ledger.put(at_ms(0), "placement/m", epoch_value(1, "mine")));
  EXPECT_EQ(ledger.get("placement/m")->author, test::id_of(1));
}

TEST_F(LedgerTest, TheHigherEpochOfAPlacementStays) {
  ASSERT_EQ(merge(signed_entry(2, "placement/m", 0, epoch_value(2))), Verdict::kNew);
  EXPECT_EQ(merge_untouched(signed_entry(3, "placement/m", 1'000, epoch_value(1))), Verdict::kOlder);
  EXPECT_EQ(ledger.put(at_ms(1'000), "placement/m", epoch_value(1)).error().code, ErrorCode::kRefused);
  EXPECT_EQ(merge(signed_entry(3, "placement/m", -1'000, epoch_value(3))), Verdict::kNew);
}

TEST_F(LedgerTest, ARepeatedOrOlderEntryChangesNothing) {
  const Entry older = signed_entry(2, theirs, 1, {}), newer = signed_entry(2, theirs, 2, bytes_from("new"));
  ASSERT_EQ(merge(newer), Verdict::kNew);
  EXPECT_EQ(merge_untouched(newer), Verdict::kDuplicate);
  EXPECT_EQ(merge_untouched(older), Verdict::kOlder);
}

TEST_F(LedgerTest, AForgedEntryChangesNothing) {
  ASSERT_EQ(merge(signed_entry(2, theirs, 0, {})), Verdict::kNew);
  Entry forged = signed_entry(2, theirs, 4'000, bytes_from("true"));
  forged.value = bytes_from("lies");
  EXPECT_EQ(merge_untouched(forged), Verdict::kForged);
  Entry of_other_network = signed_entry(2, theirs, 4'000, {});
  sign_entry(of_other_network, signer(2), bytes_from("other"));
  EXPECT_EQ(merge_untouched(of_other_network), Verdict::kForged);
}

TEST_F(LedgerTest, AnEntryUnderAForeignKeyChangesNothing) {
  EXPECT_EQ(merge_untouched(signed_entry(3, theirs, 4'000, {})), Verdict::kForbidden);
  EXPECT_EQ(merge_untouched(signed_entry(3, "network/epoch", 4'000, {})), Verdict::kForbidden);
  EXPECT_EQ(ledger.put(at_ms(0), theirs, {}).error().code, ErrorCode::kRefused);
}

TEST_F(LedgerTest, AnEntryFromTooFarAheadChangesNothing) {
  EXPECT_EQ(merge_untouched(signed_entry(2, theirs, kMaxAheadMs + 1, {})), Verdict::kAhead);
  EXPECT_EQ(merge(signed_entry(2, theirs, kMaxAheadMs, {})), Verdict::kNew);
  EXPECT_EQ(ledger.clock(), Hlc::at(test::kStartMs + kMaxAheadMs));
}

TEST_F(LedgerTest, AnEntryPastItsLifeChangesNothing) {
  EXPECT_EQ(merge_untouched(signed_entry(2, theirs, 0, {}), kLifeMs + 1), Verdict::kStale);
  EXPECT_EQ(merge(signed_entry(2, theirs, 0, {}), kLifeMs), Verdict::kNew);
}

TEST_F(LedgerTest, AnEntryOfAnotherCellChangesNothing) {
  Entry entry = signed_entry(2, theirs, 0, {});
  entry.cell = 7;
  sign_entry(entry, signer(2), options().network);
  EXPECT_EQ(merge_untouched(entry), Verdict::kOtherCell);
  LedgerOptions seven = options();
  seven.cell = 7;
  Ledger other(seven, nullptr, 1);
  EXPECT_EQ(other.merge(at_ms(0), encode_entry(entry)).verdict, Verdict::kNew);
  EXPECT_EQ(other.merge(at_ms(0), encode_entry(signed_entry(0, "network/epoch", 0, {}))).verdict,
            Verdict::kNew);
}

TEST_F(LedgerTest, BytesThatAreNoEntryChangeNothing) {
  EXPECT_EQ(merge_untouched(Bytes{}), Verdict::kMalformed);
  EXPECT_EQ(merge_untouched(Bytes(kMaxEntryBytes, 0x97)), Verdict::kMalformed);
}

TEST_F(LedgerTest, AnEntryOverItsAuthorsQuotaChangesNothing) {
  LedgerOptions small = options();
  small.author = {2, 2 * kEntryOverhead + 1'000};
  Ledger bounded(small, nullptr, 1);
  const auto offer = [&](std::uint8_t author, std::string_view name, std::size_t bytes, std::int64_t ms) {
    const Entry entry = signed_entry(author, node_key(author, name), ms, Bytes(bytes));
    const Hash state = bounded.state_hash();
    const Hlc clock = bounded.clock();
    const Verdict verdict = bounded.merge(at_ms(0), encode_entry(entry)).verdict;
    EXPECT_EQ(verdict == Verdict::kNew, state != bounded.state_hash());
    EXPECT_TRUE(verdict == Verdict::kNew || clock == bounded.clock());
    return verdict;
  };
  EXPECT_EQ(offer(2, "a", 300, 1), Verdict::kNew);
  EXPECT_EQ(offer(2, "b", 300, 2), Verdict::kNew);
  EXPECT_EQ(offer(2, "c", 0, 3), Verdict::kFull);
  EXPECT_EQ(offer(2, "b", 900, 3), Verdict::kFull);
  EXPECT_EQ(offer(2, "b", 100, 3), Verdict::kNew);  // in place of the old one
  EXPECT_EQ(offer(3, "a", 300, 3), Verdict::kNew);  // another's share
  EXPECT_EQ(bounded.used().entries, 3u);
}

TEST_F(LedgerTest, TheOperatorIsHeardThoughTheLedgerIsFull) {
  LedgerOptions small = options();
  small.total = {1, 1u << 20};
  Ledger bounded(small, nullptr, 1);
  const auto offer = [&](std::uint8_t author, const std::string& key) {
    return bounded.merge(at_ms(0), encode_entry(signed_entry(author, key, 0, {}))).verdict;
  };
  EXPECT_EQ(offer(2, node_key(2, "a")), Verdict::kNew);
  EXPECT_EQ(offer(3, node_key(3, "a")), Verdict::kFull);
  EXPECT_EQ(offer(0, "network/revoked/" + test::id_of(3).text()), Verdict::kNew);
}

TEST_F(LedgerTest, WhatItRefusesToWriteLeavesNoTrace) {
  EXPECT_EQ(ledger.put(at_ms(0), "no key", {}).error().code, ErrorCode::kMalformed);
  EXPECT_EQ(ledger.put(at_ms(0), mine, Bytes(kMaxValueBytes + 1)).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(ledger.put_as(signer(2), at_ms(0), mine, {}).error().code, ErrorCode::kRefused);
  EXPECT_EQ(Ledger(options(), nullptr, 1).put(at_ms(0), mine, {}).error().code, ErrorCode::kRefused);
  EXPECT_EQ(ledger.used().entries, 0u);
}

TEST_F(LedgerTest, ARevokedAuthorLosesItsEntriesAndIsHeardNoMore) {
  ASSERT_EQ(merge(signed_entry(2, theirs, 0, {})), Verdict::kNew);
  ASSERT_TRUE(ledger.put(at_ms(0), mine, {}));
  const WatchId watch = *ledger.watch("node/");
  const std::string revocation = "network/revoked/" + test::id_of(2).text();
  const auto delta = ledger.put_as(signer(0), at_ms(1), revocation, bytes_from("stolen"));
  ASSERT_TRUE(delta);
  EXPECT_FALSE(ledger.get(theirs));
  EXPECT_TRUE(ledger.get(mine));
  EXPECT_TRUE(ledger.is_revoked(test::id_of(2)));
  EXPECT_THAT(ledger.take_news(watch).changes, ElementsAre(Change{theirs, true}));
  EXPECT_EQ(merge_untouched(signed_entry(2, theirs, 2, {})), Verdict::kRevoked);
  ASSERT_TRUE(ledger.erase_as(signer(0), at_ms(3), revocation));
  EXPECT_EQ(merge(signed_entry(2, theirs, 4, {})), Verdict::kNew);
}

TEST_F(LedgerTest, DropsWhatNobodyRenewsAndSaysSo) {
  ASSERT_EQ(merge(signed_entry(2, theirs, 0, {})), Verdict::kNew);
  ASSERT_TRUE(ledger.put_as(signer(0), at_ms(0), "network/epoch", {}));
  const WatchId watch = *ledger.watch("node/");
  EXPECT_TRUE(ledger.on_timer(at_ms(kLifeMs + Ledger::kDropDelayMs)).empty());
  EXPECT_TRUE(ledger.get(theirs));
  EXPECT_TRUE(ledger.on_timer(at_ms(kLifeMs + Ledger::kDropDelayMs + 1)).empty());
  EXPECT_FALSE(ledger.get(theirs));
  EXPECT_TRUE(ledger.get("network/epoch"));
  EXPECT_THAT(ledger.take_news(watch).changes, ElementsAre(Change{theirs, true}));
  EXPECT_EQ(ledger.used().entries, 1u);
}

TEST_F(LedgerTest, RenewsItsOwnEntriesAtHalfTheirLife) {
  Ledger other(options(), nullptr, 2);
  ASSERT_TRUE(other.merge(at_ms(0), *ledger.put(at_ms(0), mine, bytes_from("card"))).key == mine);
  ASSERT_TRUE(ledger.put(at_ms(0), node_key(1, "gone"), {}));
  ASSERT_TRUE(ledger.erase(at_ms(0), node_key(1, "gone")));
  EXPECT_TRUE(ledger.on_timer(at_ms(kLifeMs / 2)).empty());
  const auto deltas = ledger.on_timer(at_ms(kLifeMs / 2 + 1));
  ASSERT_EQ(deltas.size(), 1u);
  EXPECT_EQ(other.merge(at_ms(kLifeMs / 2 + 1), deltas[0]).verdict, Verdict::kNew);
  EXPECT_TRUE(other.on_timer(at_ms(kLifeMs + kLifeMs / 4)).empty());
  EXPECT_EQ(value_of(other, mine), "card");
  EXPECT_TRUE(ledger.on_timer(at_ms(kLifeMs / 2 + 2)).empty());
}

TEST_F(LedgerTest, WhatWasErasedDoesNotComeBackThroughALongAbsentNode) {
  const Bytes value = encode_entry(signed_entry(2, theirs, 0, bytes_from("old")));
  const Entry tombstone = signed_entry(2, theirs, 1'000, {}, true);
  ASSERT_EQ(ledger.merge(at_ms(0), value).verdict, Verdict::kNew);
  ASSERT_EQ(merge(tombstone), Verdict::kNew);
  for (std::int64_t ms = 0; ms < 2 * kLifeMs; ms += kLifeMs / 64) {
    (void)ledger.on_timer(at_ms(ms));
    EXPECT_NE(ledger.merge(at_ms(ms), value).verdict, Verdict::kNew) << ms;
  }
  EXPECT_EQ(ledger.used().entries, 0u);  // the tombstone is gone too
}

TEST_F(LedgerTest, ToldWatchersHearOfNewEntriesOnly) {
  const WatchId watch = *ledger.watch("node/");
  const Entry entry = signed_entry(2, theirs, 0, {});
  ASSERT_EQ(merge(entry), Verdict::kNew);
  ASSERT_EQ(merge(entry), Verdict::kDuplicate);
  ASSERT_EQ(merge(signed_entry(2, theirs, 1, {}, true)), Verdict::kNew);
  EXPECT_THAT(ledger.take_news(watch).changes, ElementsAre(Change{theirs, false}, Change{theirs, true}));
}

}  // namespace
}  // namespace zswarm::bus
