#include "bus/ledger/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zswarm::bus {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Watches, HearOfKeysBelowTheirPrefixOnce) {
  Watches watches;
  const WatchId nodes = *watches.add("node/"), all = *watches.add("");
  watches.note("node/a", false);
  watches.note("job/b", false);
  watches.note("node/a", true);
  EXPECT_THAT(watches.take(nodes).changes, ElementsAre(Change{"node/a", false}, Change{"node/a", true}));
  EXPECT_EQ(watches.take(all).changes.size(), 3u);
  EXPECT_THAT(watches.take(nodes).changes, IsEmpty());
}

TEST(Watches, AreToldToReadAgainWhenTheirQueueWasFull) {
  Watches watches;
  const WatchId id = *watches.add("");
  for (std::size_t i = 0; i < Watches::kMaxChanges; ++i) watches.note("a/b", false);
  watches.note("a/last", false);
  const LedgerNews news = watches.take(id);
  EXPECT_TRUE(news.overflow);
  EXPECT_THAT(news.changes, ElementsAre(Change{"a/last", false}));
  watches.note("a/next", false);
  EXPECT_FALSE(watches.take(id).overflow);
}

TEST(Watches, HaveALimitAndGiveTheirPlaceBack) {
  Watches watches;
  std::vector<WatchId> ids;
  for (std::size_t i = 0; i < Watches::kMaxWatches; ++i) ids.push_back(*watches.add(""));
  EXPECT_EQ(watches.add("").error().code, ErrorCode::kBusy);
  watches.remove(ids[3]);
  EXPECT_TRUE(watches.add(""));
  watches.note("a/b", false);
  EXPECT_THAT(watches.take(ids[3]).changes, IsEmpty());
}

}  // namespace
}  // namespace zswarm::bus
