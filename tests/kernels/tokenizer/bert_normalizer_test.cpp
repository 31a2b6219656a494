#include "kernels/tokenizer/bert_normalizer.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "kernels/base/utf8.h"

namespace zswarm::tokenizer {
namespace {

using Words = std::vector<std::string>;

Words words(std::string_view text, BertOptions options = {}) {
  Words out;
  for (const std::u32string& word : bert_words(text, options)) {
    std::string spelt;
    for (const char32_t c : word) utf8::append(c, spelt);
    out.push_back(spelt);
  }
  return out;
}

TEST(BertNormalizer, SplitsAtSpaceAndPunctuation) {
  EXPECT_EQ(words("Hello,\tworld! it's"), (Words{"hello", ",", "world", "!", "it", "'", "s"}));
  EXPECT_EQ(words(" \n "), Words{});
}

TEST(BertNormalizer, StripsAccentsAndCase) {
  EXPECT_EQ(words("Caf\u00e9 \u00c5NGSTR\u00d6M \u0130"), (Words{"cafe", "angstrom", "i"}));
  EXPECT_EQ(words("Caf\u00e9 \u0130", {.lowercase = true, .strip_accents = false}),
            (Words{"caf\u00e9", "i\u0307"}));
  EXPECT_EQ(words("Caf\u00e9", {.lowercase = false, .strip_accents = false}), Words{"Caf\u00e9"});
}

TEST(BertNormalizer, DecomposesHangul) {
  EXPECT_EQ(words("\ud55c"), Words{"\u1112\u1161\u11ab"});
}

TEST(BertNormalizer, ChineseCharactersStandAlone) {
  EXPECT_EQ(words("ab\u4e2d\u6587c"), (Words{"ab", "\u4e2d", "\u6587", "c"}));
  EXPECT_EQ(words("\u304b\u305f"), Words{"\u304b\u305f"});
}

TEST(BertNormalizer, DropsControlCharactersAndBrokenBytes) {
  EXPECT_EQ(words(std::string_view("a\0b\x01"
                                   "c\xff"
                                   "d\u200b"
                                   "e\ufffd"
                                   "f",
                                   15)),
            Words{"abcdef"});
}

TEST(BertNormalizer, TakesLongRunsOfCombiningMarks) {
  std::string text = "a";
  for (int i = 0; i < 60'000; ++i)
    text += i % 2 == 0 ? "\u0301" : "\u0316";  // two combining classes, in turn
  EXPECT_EQ(words(text), Words{"a"});
}

RC_GTEST_PROP(BertNormalizer, MakesNoEmptyWordOfAnyBytes, (const std::string& text)) {
  for (const std::u32string& word : bert_words(text, {})) RC_ASSERT(!word.empty());
}

}  // namespace
}  // namespace zswarm::tokenizer
