#include "kernels/tokenizer/special_tokens.h"

#include <gtest/gtest.h>

#include "tests/kernels/tokenizer/small_vocabs.h"

namespace zswarm::tokenizer {
namespace {

using test::SmallVocab;
using Parts = std::vector<std::string>;

/// Texts of the fragments; special tokens in braces.
Parts split(const SmallVocab& small, std::string_view text, bool parse_special = true) {
  const Metadata metadata = small.metadata();
  const auto vocab = Vocab::build(metadata);
  EXPECT_TRUE(vocab) << vocab.error().message;
  const SpecialTokens special(*vocab, metadata);
  Parts parts;
  for (const Fragment& f : special.split(text, parse_special)) {
    EXPECT_FALSE(f.text.empty());
    if (f.token != kNoToken) {
      EXPECT_EQ(vocab->text(f.token), f.text);
    }
    parts.push_back(f.token == kNoToken ? std::string(f.text) : fmt::format("{{{}}}", f.text));
  }
  return parts;
}

TEST(SpecialTokens, AreCutOutOfTheText) {
  EXPECT_EQ(split(test::byte_level_vocab(), "a<|im_end|><|im_start|>b"),
            (Parts{"a", "{<|im_end|>}", "{<|im_start|>}", "b"}));
  EXPECT_EQ(split(test::byte_level_vocab(), ""), Parts{});
  EXPECT_EQ(split(test::byte_level_vocab(), "<|im_en"), Parts{"<|im_en"});
}

TEST(SpecialTokens, OnlyUserDefinedOnesAreFoundInPlainText) {
  EXPECT_EQ(split(test::byte_level_vocab(), "<|im_end|><tool>", false), (Parts{"<|im_end|>", "{<tool>}"}));
}

TEST(SpecialTokens, TheLeftmostWinsAndOfThoseTheLongest) {
  SmallVocab small;
  small.add("abc", TokenType::kControl);
  small.add("ab", TokenType::kControl);
  small.add("bcdef", TokenType::kControl);
  small.add("cde", TokenType::kUserDefined);
  EXPECT_EQ(split(small, "abcdef"), (Parts{"{abc}", "def"}));
  EXPECT_EQ(split(small, "abxbcdef"), (Parts{"{ab}", "x", "{bcdef}"}));
  EXPECT_EQ(split(small, "abcdef", false), (Parts{"ab", "{cde}", "f"}));
}

TEST(SpecialTokens, APartlyMatchedOneDoesNotHideAnother) {
  SmallVocab small;
  small.add("aab", TokenType::kControl);
  EXPECT_EQ(split(small, "aaab"), (Parts{"a", "{aab}"}));
}

TEST(SpecialTokens, SwallowSpaceWhereTheModelsTokenizerDoes) {
  SmallVocab phi;
  phi.other.name = "Phi-3 mini";
  phi.add("<|user|>", TokenType::kControl);
  phi.add("<s>", TokenType::kControl);
  EXPECT_EQ(split(phi, " <|user|> \n\u2003x <s> y"), (Parts{" ", "{<|user|>}", "x ", "{<s>}", " y"}));

  SmallVocab nomic;
  nomic.other.architecture = "nomic-bert-moe";
  nomic.add("<mask>", TokenType::kControl);
  EXPECT_EQ(split(nomic, "x \u3000<mask> y"), (Parts{"x", "{<mask>}", " y"}));
  EXPECT_EQ(split(nomic, "  <mask>"), Parts{"{<mask>}"});
}

}  // namespace
}  // namespace zswarm::tokenizer
