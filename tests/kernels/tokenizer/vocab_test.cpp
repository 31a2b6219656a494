#include "kernels/tokenizer/vocab.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/kernels/tokenizer/small_vocabs.h"

namespace zswarm::tokenizer {
namespace {

using test::SmallVocab;

Vocab vocab_of(const SmallVocab& small) {
  auto vocab = Vocab::build(small.metadata());
  EXPECT_TRUE(vocab) << vocab.error().message;
  return std::move(*vocab);
}

/// Builds it and expects kCorrupt with `part` in the message.
void expect_corrupt(const Metadata& metadata, std::string_view part) {
  const auto vocab = Vocab::build(metadata);
  ASSERT_FALSE(vocab);
  EXPECT_EQ(vocab.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(vocab.error().message.find(part), std::string::npos) << vocab.error().message;
}

TEST(Vocab, FindsEveryTokenByItsText) {
  const Vocab vocab = vocab_of(test::byte_level_vocab());
  for (TokenId id = 0; id < vocab.size(); ++id) EXPECT_EQ(vocab.find(vocab.text(id)), id);
  EXPECT_EQ(vocab.find("no such token"), kNoToken);
  EXPECT_EQ(vocab.find(""), kNoToken);
}

TEST(Vocab, FindsTheFirstOfEqualTextsAndNoEmptyOnes) {
  SmallVocab small;
  small.add("");
  small.add("a");
  small.add("a");
  const Vocab vocab = vocab_of(small);
  EXPECT_EQ(vocab.find("a"), 1);
  EXPECT_EQ(vocab.find(""), kNoToken);
}

TEST(Vocab, PlainTextIsNeverASpecialToken) {
  const Vocab vocab = vocab_of(test::byte_level_vocab());
  EXPECT_NE(vocab.find("<tool>"), kNoToken);
  EXPECT_EQ(vocab.find_plain("<tool>"), kNoToken);
  EXPECT_EQ(vocab.find_plain("<|im_end|>"), kNoToken);
  EXPECT_NE(vocab.find_plain("hello"), kNoToken);
}

TEST(Vocab, KnowsByteTokens) {
  const Vocab vocab = vocab_of(test::spm_vocab());
  for (unsigned byte = 0; byte < 256; ++byte) {
    const TokenId id = vocab.byte_token(static_cast<unsigned char>(byte));
    ASSERT_NE(id, kNoToken);
    EXPECT_EQ(vocab.byte_value(id), static_cast<unsigned char>(byte));
  }
  EXPECT_EQ(vocab.byte_value(vocab.find("ello")), std::nullopt);
}

TEST(Vocab, EndOfTurnTokensEndAGenerationOnlyIfTheyAreSpecial) {
  SmallVocab small = test::byte_level_vocab();
  const TokenId text = small.add("</s>");
  const TokenId turn = small.add("<|eot_id|>", TokenType::kControl);
  const Vocab vocab = vocab_of(small);
  EXPECT_TRUE(vocab.ends_generation(*vocab.eos));
  EXPECT_TRUE(vocab.ends_generation(vocab.find("<|endoftext|>")));
  EXPECT_TRUE(vocab.ends_generation(turn));
  EXPECT_FALSE(vocab.ends_generation(text));
  EXPECT_FALSE(vocab.ends_generation(vocab.find("hello")));
  EXPECT_FALSE(vocab.ends_generation(-1));
  EXPECT_FALSE(vocab.ends_generation(vocab.size()));
}

TEST(Vocab, MessagesOfHarmonyDoNotEndTheAnswer) {
  SmallVocab small = test::byte_level_vocab();
  const TokenId end = small.add("<|end|>", TokenType::kControl);
  EXPECT_TRUE(vocab_of(small).ends_generation(end));
  const TokenId finish = small.add("<|return|>", TokenType::kControl);
  small.add("<|call|>", TokenType::kControl);
  EXPECT_FALSE(vocab_of(small).ends_generation(end));
  EXPECT_TRUE(vocab_of(small).ends_generation(finish));
}

TEST(Vocab, WithoutTypesTheIdsSayWhatIsSpecial) {
  SmallVocab small = test::byte_level_vocab();
  small.types.clear();
  const Vocab vocab = vocab_of(small);
  EXPECT_TRUE(vocab.is_special(*vocab.eos));
  EXPECT_FALSE(vocab.is_special(vocab.find("hello")));
}

TEST(Vocab, RefusesListsThatDoNotFit) {
  const SmallVocab small = test::byte_level_vocab();
  expect_corrupt(Metadata{}, "tokens is empty");
  Metadata m = small.metadata();
  m.types.pop_back();
  expect_corrupt(m, "token_type");
  m = small.metadata();
  m.types[3] = 7;
  expect_corrupt(m, "token_type[3]");
  m = small.metadata();
  m.types[3] = -1;
  expect_corrupt(m, "token_type[3]");
  m = small.metadata();
  m.scores.resize(2);
  expect_corrupt(m, "scores");
  m = small.metadata();
  m.scores[1] = std::numeric_limits<float>::quiet_NaN();
  expect_corrupt(m, "scores[1]");
}

TEST(Vocab, RefusesIdsOutsideOfIt) {
  for (const std::int64_t id : {std::int64_t{-1}, std::int64_t{1} << 40,
                                static_cast<std::int64_t>(test::byte_level_vocab().tokens.size())}) {
    SmallVocab small = test::byte_level_vocab();
    small.other.eot = id;
    expect_corrupt(small.metadata(), "eot_token_id");
  }
}

}  // namespace
}  // namespace zswarm::tokenizer
