#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "kernels/base/utf8.h"
#include "tests/kernels/tokenizer/small_vocabs.h"

namespace zswarm::tokenizer {
namespace {

std::unique_ptr<const Tokenizer> tokenizer_of(const test::SmallVocab& small) {
  auto tokenizer = small.build();
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return std::move(*tokenizer);
}

TEST(StreamDecoder, HoldsACharacterBackUntilItIsWhole) {
  const auto tokenizer = tokenizer_of(test::byte_level_vocab());
  const auto ids =
      tokenizer->encode("a\U0001F600b", {.add_special = false});  // F0 9F is a token, 98 and 80 are two more
  ASSERT_TRUE(ids);
  ASSERT_EQ(ids->size(), 5U);
  StreamDecoder decoder(*tokenizer);
  EXPECT_EQ(decoder.push((*ids)[0]), "a");
  EXPECT_EQ(decoder.push((*ids)[1]), "");
  EXPECT_EQ(decoder.held_back(), "\xf0\x9f");
  EXPECT_EQ(decoder.push((*ids)[2]), "");
  EXPECT_EQ(decoder.push((*ids)[3]), "\U0001F600");
  EXPECT_EQ(decoder.held_back(), "");
  EXPECT_EQ(decoder.push((*ids)[4]), "b");
}

TEST(StreamDecoder, ReplacesWhatCanNoLongerBecomeACharacter) {
  const auto tokenizer = tokenizer_of(test::spm_vocab());
  StreamDecoder decoder(*tokenizer);
  EXPECT_EQ(decoder.push(3 + 0xe4), "");
  EXPECT_EQ(decoder.push(3 + 'a'),
            "\ufffd"
            "a");
  EXPECT_EQ(decoder.push(3 + 0xff), "\ufffd");
}

TEST(StreamDecoder, DropsTheFirstSpaceOnlyOfATextOfItsOwn) {
  const auto tokenizer = tokenizer_of(test::spm_vocab());
  const auto ids = tokenizer->encode("hello", {.add_special = false});
  ASSERT_TRUE(ids);
  ASSERT_EQ(ids->size(), 1U);
  StreamDecoder start(*tokenizer), continuation(*tokenizer, StreamDecoder::Position::kContinuation);
  EXPECT_EQ(start.push(1), "");  // a control token is not the beginning of the text
  EXPECT_EQ(start.push((*ids)[0]), "hello");
  EXPECT_EQ(start.push((*ids)[0]), " hello");
  EXPECT_EQ(continuation.push((*ids)[0]), " hello");
}

void check_stream(const test::SmallVocab& small) {
  const auto tokenizer = tokenizer_of(small);
  const bool holds = rc::check([&] {
    const auto ids =
        *rc::gen::container<std::vector<TokenId>>(rc::gen::inRange(-1, tokenizer->vocab_size() + 1));
    StreamDecoder decoder(*tokenizer);
    std::string streamed;
    for (const TokenId id : ids) {
      const std::string part = decoder.push(id);
      RC_ASSERT(utf8::is_valid(part));
      RC_ASSERT(decoder.held_back().size() <= 3);
      streamed += part;
    }
    std::string whole = tokenizer->decode(ids);
    RC_ASSERT(whole.ends_with(decoder.held_back()));
    whole.resize(whole.size() - decoder.held_back().size());
    RC_ASSERT(streamed == utf8::sanitized(whole));
  });
  EXPECT_TRUE(holds);
}

TEST(StreamDecoder, GivesWhatDecodeGivesForAnyTokensOfByteLevelBpe) {
  check_stream(test::byte_level_vocab());
}
TEST(StreamDecoder, GivesWhatDecodeGivesForAnyTokensOfSentencePiece) {
  check_stream(test::spm_vocab());
}
TEST(StreamDecoder, GivesWhatDecodeGivesForAnyTokensOfGemma) {
  check_stream(test::gemma_vocab());
}
TEST(StreamDecoder, GivesWhatDecodeGivesForAnyTokensOfBert) {
  check_stream(test::bert_vocab());
}

}  // namespace
}  // namespace zswarm::tokenizer
