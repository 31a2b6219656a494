#include "node/dispatch/prefix_digest.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bus/base/random.h"

namespace zswarm::node {
namespace {

using namespace std::chrono_literals;

constexpr ModelHash kModelOne{1}, kModelTwo{2};
constexpr bus::Time kToday{std::chrono::seconds(9)};

std::vector<TokenId> prompt_of(std::size_t tokens, std::uint64_t seed) {
  bus::Random random(seed);
  std::vector<TokenId> prompt(tokens);
  for (TokenId& token : prompt) token = static_cast<TokenId>(random.below(32'000));
  return prompt;
}

std::vector<CachedPage> pages_of(std::span<const ChainHash> chain) {
  std::vector<CachedPage> pages;
  for (std::uint32_t i = 0; i < chain.size(); ++i) pages.push_back({chain[i], i});
  return pages;
}

bus::NodeId node_called(std::uint8_t n) {
  bus::NodeId id;
  id.bytes.fill(n);
  return id;
}

TEST(PageChain, HasOneHashForEachWholePageOfAllTokensUpToItsEnd) {
  auto prompt = prompt_of(100, 1);
  const auto chain = page_chain(kModelOne, prompt);
  ASSERT_EQ(chain.size(), 3u);
  prompt[40] += 1;
  const auto other = page_chain(kModelOne, prompt);
  EXPECT_EQ(chain[0], other[0]);
  EXPECT_NE(chain[1], other[1]);
  EXPECT_NE(chain[2], other[2]);
  EXPECT_NE(page_chain(kModelTwo, prompt)[0], chain[0]);
}

TEST(PrefixDigest, FindsAllPagesOfWhatIsCached) {
  const auto chain = page_chain(kModelOne, prompt_of(32 * 200, 1));
  const PrefixDigest digest = make_digest(pages_of(chain));
  EXPECT_EQ(digest.stride, 1u);
  EXPECT_LE(digest.bits.size(), kDigestBytes);
  EXPECT_EQ(overlap(digest, chain), 200u);
  EXPECT_EQ(overlap(digest, std::span(chain).first(17)), 17u);
}

TEST(PrefixDigest, TellsOnlyEachSecondPageAndSoOnWhenThereAreMany) {
  std::vector<CachedPage> pages;
  std::vector<std::vector<ChainHash>> chains;
  for (std::uint64_t i = 0; i < 16; ++i) {
    chains.push_back(page_chain(kModelOne, prompt_of(32 * 64, i)));
    for (const CachedPage& page : pages_of(chains.back())) pages.push_back(page);
  }
  const PrefixDigest digest = make_digest(pages);
  EXPECT_EQ(digest.stride, 4u);
  for (const auto& chain : chains) EXPECT_EQ(overlap(digest, chain), 64u);
}

TEST(PrefixDigest, SeldomSaysYesToWhatIsNotThere) {
  const PrefixDigest digest = make_digest(pages_of(page_chain(kModelOne, prompt_of(32 * 300, 1))));
  int hits = 0;
  for (std::uint64_t i = 0; i < 5000; ++i)
    hits += overlap(digest, page_chain(kModelOne, prompt_of(32, 100 + i))) > 0;
  EXPECT_LT(hits, 5000 * 3 / 100);
}

TEST(PrefixDigest, HalvedStillFindsEverything) {
  const auto chain = page_chain(kModelOne, prompt_of(32 * 100, 1));
  PrefixDigest digest = make_digest(pages_of(chain));
  const std::size_t before = digest.bits.size();
  halve(digest);
  EXPECT_EQ(digest.bits.size(), before / 2);
  EXPECT_EQ(overlap(digest, chain), 100u);
  for (int i = 0; i < 12; ++i) halve(digest);
  EXPECT_TRUE(digest.bits.empty()) << "it says yes to everything";
}

TEST(PrefixDigest, OfNothingIsEmpty) {
  EXPECT_TRUE(make_digest({}).bits.empty());
  EXPECT_EQ(overlap({}, page_chain(kModelOne, prompt_of(320, 1))), 0u);
  EXPECT_TRUE(make_digest(pages_of(page_chain(kModelOne, prompt_of(320, 1))), 0).bits.empty());
}

RC_GTEST_PROP(PrefixDigest, NeverMissesAPageWhateverItsSize, ()) {
  const auto pages = *rc::gen::inRange<std::size_t>(1, 400);
  const auto bytes = *rc::gen::inRange<std::size_t>(16, kDigestBytes + 1);
  const auto chain = page_chain(kModelOne, prompt_of(32 * pages, *rc::gen::arbitrary<std::uint64_t>()));
  const PrefixDigest digest = make_digest(pages_of(chain), bytes);
  RC_ASSERT(digest.bits.size() <= bytes);
  if (!digest.bits.empty()) RC_ASSERT(overlap(digest, chain) == chain.size() / digest.stride * digest.stride);
}

TEST(RecentPrefixes, RemembersWhereHowMuchOfAPrefixWent) {
  RecentPrefixes recent;
  const auto chain = page_chain(kModelOne, prompt_of(32 * 10, 1));
  recent.note(kToday, std::span(chain).first(4), node_called(1));
  recent.note(kToday, chain, node_called(2));
  const auto found = recent.find(kToday, chain);
  ASSERT_EQ(found.size(), 2u);
  for (const auto& f : found) EXPECT_EQ(f.pages, f.node == node_called(1) ? 4u : 10u);
  recent.forget(chain, node_called(2));
  ASSERT_EQ(recent.find(kToday, chain).size(), 1u);
  EXPECT_TRUE(recent.find(kToday + RecentPrefixes::kFor + 1s, chain).empty());
}

TEST(RecentPrefixes, ForgetsTheEndsOfOldPrefixesFirst) {
  RecentPrefixes recent(20);
  const auto first = page_chain(kModelOne, prompt_of(32 * 15, 1)),
             second = page_chain(kModelOne, prompt_of(32 * 15, 2));
  recent.note(kToday, first, node_called(1));
  recent.note(kToday, second, node_called(2));
  EXPECT_EQ(recent.size(), 20u);
  EXPECT_EQ(recent.find(kToday, first).at(0).pages, 5u);
  EXPECT_EQ(recent.find(kToday, second).at(0).pages, 15u);
}

}  // namespace
}  // namespace zswarm::node
