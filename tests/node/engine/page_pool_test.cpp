#include "node/engine/page_pool.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace zswarm::node {
namespace {

std::vector<std::int32_t> page_of(std::int32_t value) {
  return std::vector<std::int32_t>(kPageTokens, value);
}

TEST(PagePool, HandsOutEachPageOnceAndThenNothing) {
  PagePool pool(3);
  std::set<PageId> pages;
  for (int i = 0; i < 3; ++i) pages.insert(pool.allocate().value());
  EXPECT_EQ(pages.size(), 3u);
  EXPECT_FALSE(pool.allocate());
  pool.release(std::vector<PageId>(pages.begin(), pages.end()));
  EXPECT_EQ(pool.available(), 3u);
  pool.check();
}

TEST(PagePool, FindsAPublishedPageByItsContentAndWhatCameBefore) {
  PagePool pool(4);
  const PageId first = pool.publish(*pool.allocate(), std::nullopt, page_of(1));
  const PageId second = pool.publish(*pool.allocate(), first, page_of(2));
  EXPECT_EQ(pool.find(std::nullopt, page_of(1)), first);
  EXPECT_EQ(pool.find(first, page_of(2)), second);
  EXPECT_EQ(pool.find(std::nullopt, page_of(2)), std::nullopt);
  EXPECT_EQ(pool.find(second, page_of(2)), std::nullopt);
  EXPECT_EQ(pool.references(first), 2u);
}

TEST(PagePool, KeepsReleasedPagesUntilTheirMemoryIsNeeded) {
  PagePool pool(2);
  const PageId page = pool.publish(*pool.allocate(), std::nullopt, page_of(1));
  pool.release({&page, 1});
  EXPECT_EQ(pool.cached(), 1u);
  EXPECT_EQ(pool.available(), 2u);
  ASSERT_EQ(pool.find(std::nullopt, page_of(1)), page);
  pool.release({&page, 1});
  EXPECT_TRUE(pool.allocate() && pool.allocate());
  EXPECT_EQ(pool.find(std::nullopt, page_of(1)), std::nullopt);
  pool.check();
}

TEST(PagePool, TakesBackTheEndOfAPrefixBeforeItsBeginning) {
  PagePool pool(2);
  const PageId first = pool.publish(*pool.allocate(), std::nullopt, page_of(1));
  const PageId second = pool.publish(*pool.allocate(), first, page_of(2));
  pool.release(std::vector<PageId>{first, second});
  EXPECT_EQ(pool.allocate(), second);
  EXPECT_EQ(pool.find(std::nullopt, page_of(1)), first);
}

TEST(PagePool, MergesAPageThatWasComputedTwice) {
  PagePool pool(2);
  const PageId one = pool.publish(*pool.allocate(), std::nullopt, page_of(1));
  EXPECT_EQ(pool.publish(*pool.allocate(), std::nullopt, page_of(1)), one);
  EXPECT_EQ(pool.references(one), 2u);
  EXPECT_EQ(pool.available(), 1u);
  pool.check();
}

TEST(PagePool, PublishesNothingWhenSharingIsOff) {
  PagePool pool(1, false);
  EXPECT_FALSE(pool.sharing());
  EXPECT_EQ(pool.find(std::nullopt, page_of(1)), std::nullopt);
}

// Sequences with page tables whose contents are known. Any order of taking, publishing and giving back keeps
// the pool's invariants, and what find() gives really holds what was asked for.
struct Table {
  std::vector<PageId> pages;
  std::vector<std::int32_t> contents;
};

RC_GTEST_PROP(PagePool, KeepsItsInvariantsForAnyOrderOfOperations, ()) {
  PagePool pool(9);
  std::vector<std::vector<std::int32_t>> written(
      9);  // per page: the chain of contents up to and including it
  std::vector<Table> tables;
  const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(
      rc::gen::pair(rc::gen::inRange(0, 8), rc::gen::inRange(0, 1000)));
  for (const auto& [what, number] : steps) {
    if (what <= 1 || tables.empty()) {  // a new sequence, which takes the longest prefix it finds
      Table table;
      for (int page = 0, bits = number; page < 4; ++page, bits /= 2) {
        const auto parent = table.pages.empty() ? std::nullopt : std::optional<PageId>(table.pages.back());
        const auto found = pool.find(parent, page_of(bits % 2));
        if (!found) break;
        table.pages.push_back(*found);
        table.contents.push_back(bits % 2);
        RC_ASSERT(written[*found] == table.contents);
      }
      tables.push_back(std::move(table));
    } else if (what <= 5) {  // fills one more page and publishes it
      Table& table = tables[static_cast<std::size_t>(number) % tables.size()];
      const auto page = pool.allocate();
      if (!page) {
        RC_ASSERT(pool.available() == 0u);
        continue;
      }
      RC_ASSERT(pool.references(*page) == 1u);
      const std::int32_t content = number / 16 % 2;
      const auto parent = table.pages.empty() ? std::nullopt : std::optional<PageId>(table.pages.back());
      table.contents.push_back(content);
      written[*page] = table.contents;
      table.pages.push_back(pool.publish(*page, parent, page_of(content)));
      RC_ASSERT(written[table.pages.back()] == table.contents);
    } else {
      const std::size_t i = static_cast<std::size_t>(number) % tables.size();
      pool.release(tables[i].pages);
      tables.erase(tables.begin() + static_cast<std::ptrdiff_t>(i));
    }
    pool.check();
    std::vector<std::uint32_t> references(pool.size(), 0);
    for (const Table& table : tables) {
      for (const PageId page : table.pages) ++references[page];
    }
    for (PageId page = 0; page < pool.size(); ++page) RC_ASSERT(pool.references(page) == references[page]);
  }
  for (const Table& table : tables) pool.release(table.pages);
  RC_ASSERT(pool.available() == pool.size());
  pool.check();
}

}  // namespace
}  // namespace zswarm::node
