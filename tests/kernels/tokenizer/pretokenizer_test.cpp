#include "kernels/tokenizer/pretokenizer.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <set>
#include <string>

namespace zswarm::tokenizer {
namespace {

std::vector<std::string> pieces_of(std::string_view name, std::string_view text) {
  const PretokenizerSpec* spec = find_pretokenizer(name);
  EXPECT_NE(spec, nullptr) << name;
  const auto pretokenizer = Pretokenizer::compile(*spec);
  EXPECT_TRUE(pretokenizer) << pretokenizer.error().message;
  std::vector<std::string_view> pieces;
  const Status ok = pretokenizer->split(text, pieces);
  EXPECT_TRUE(ok) << ok.error().message;
  return {pieces.begin(), pieces.end()};
}

using Pieces = std::vector<std::string>;

TEST(Pretokenizer, Gpt2KeepsTheSpaceWithTheWord) {
  EXPECT_EQ(pieces_of("gpt-2", "Hello  world's 123!"), (Pieces{"Hello", " ", " world", "'s", " 123", "!"}));
}

TEST(Pretokenizer, SmollmCutsDigitsBeforeWords) {
  EXPECT_EQ(pieces_of("smollm", "in 2026"), (Pieces{"in", " ", "2", "0", "2", "6"}));
}

TEST(Pretokenizer, Llama3TakesThreeDigitsAndContractionsInAnyCase) {
  EXPECT_EQ(pieces_of("llama-bpe", "I'LL 1234\n\n x"), (Pieces{"I", "'LL", " ", "123", "4", "\n\n", " x"}));
  EXPECT_EQ(pieces_of("llama-bpe", "it'\u017fo"), (Pieces{"it", "'\u017f", "o"}));
}

TEST(Pretokenizer, Qwen35KeepsCombiningMarksWithTheirLetters) {
  EXPECT_EQ(pieces_of("qwen35", "e\u0301a"), (Pieces{"e\u0301a"}));
  EXPECT_EQ(pieces_of("qwen2", "e\u0301a"), (Pieces{"e", "\u0301a"}));
}

TEST(Pretokenizer, DeepseekCutsTrailingSpaceOnce) {
  EXPECT_EQ(pieces_of("deepseek-llm", "a   b  "), (Pieces{"a", "  ", " b", "  "}));
}

TEST(Pretokenizer, FalconSeparatesThePunctuationOfUnicode8) {
  EXPECT_EQ(pieces_of("falcon", "a!$\u2026b"), (Pieces{"a", "!$\u2026", "b"}));
  EXPECT_EQ(pieces_of("falcon", " !\u2e43"), (Pieces{" ", "!", "\u2e43"}));  // a dash of Unicode 9
  EXPECT_EQ(pieces_of("gpt-2", " !\u2e43"), Pieces{" !\u2e43"});
}

TEST(Pretokenizer, BrokenBytesAreAPieceOfTheirOwn) {
  EXPECT_EQ(pieces_of("gpt-2", "ab\xff\xc3 c\xe2\x82"), (Pieces{"ab", "\xff\xc3", " c", "\xe2\x82"}));
}

TEST(Pretokenizer, AnUnknownNameIsNotFound) {
  EXPECT_EQ(find_pretokenizer("no-such"), nullptr);
}

TEST(Pretokenizer, NoNameStandsTwiceInTheTable) {
  std::set<std::string_view> names;
  for (const PretokenizerSpec& spec : pretokenizer_table()) {
    for (const std::string_view name : spec.names) EXPECT_TRUE(names.insert(name).second) << name;
  }
}

class EveryPretokenizer : public testing::TestWithParam<std::string_view> {};

TEST_P(EveryPretokenizer, PiecesAreTheTextAndNoneIsEmpty) {
  const auto pretokenizer = Pretokenizer::compile(*find_pretokenizer(GetParam()));
  ASSERT_TRUE(pretokenizer) << pretokenizer.error().message;
  const bool holds = rc::check([&] {
    const auto codes = *rc::gen::container<std::string>(rc::gen::oneOf(
        rc::gen::arbitrary<char>(),
        rc::gen::element(' ', '\n', '\r', '\'', 's', '1', 'A', '\xc3', '\xa9', '\xe4', '\xb8', '\xad')));
    std::vector<std::string_view> pieces;
    RC_ASSERT(pretokenizer->split(codes, pieces).has_value());
    std::string joined;
    for (const std::string_view piece : pieces) {
      RC_ASSERT(!piece.empty());
      joined += piece;
    }
    RC_ASSERT(joined == codes);
  });
  EXPECT_TRUE(holds);
}

// The match limit is proportional to the text, so an expression that is not linear fails here instead of
// being slow.
TEST_P(EveryPretokenizer, StaysWithinItsLimitOnLongRuns) {
  for (const std::string& unit :
       {std::string(" "), std::string("a"), std::string("A"), std::string("1"), std::string("\n"),
        std::string("."), std::string("\t "), std::string("\u0301"), std::string("\u4e2d"), std::string("'s"),
        std::string("\xff")}) {
    std::string text;
    while (text.size() < 131'072) text += unit;
    for (const std::string& end : {std::string(), std::string("x"), std::string("\n"), std::string("!")}) {
      const auto pieces = pieces_of(GetParam(), text + end);
      EXPECT_FALSE(pieces.empty());
    }
  }
}

std::vector<std::string_view> first_names() {
  std::vector<std::string_view> names;
  for (const PretokenizerSpec& spec : pretokenizer_table()) names.push_back(spec.names.back());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Table, EveryPretokenizer, testing::ValuesIn(first_names()),
                         [](const auto& param_info) {
                           std::string name(param_info.param);
                           for (char& c : name)
                             c = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                                     ? c
                                     : '_';
                           return name;
                         });

}  // namespace
}  // namespace zswarm::tokenizer
