#include "kernels/tokenizer/tokenizer.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <functional>
#include <limits>

#include "kernels/base/utf8.h"
#include "kernels/tokenizer/pretokenizer.h"
#include "tests/kernels/tokenizer/small_vocabs.h"
#include "tests/support/gguf_writer.h"

namespace zswarm::tokenizer {
namespace {

using test::SmallVocab;

constexpr EncodeOptions kPlain{.add_special = false, .parse_special = false};

std::unique_ptr<const Tokenizer> built(const SmallVocab& small) {
  auto tokenizer = small.build();
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return std::move(*tokenizer);
}

std::vector<TokenId> encode(const Tokenizer& tokenizer, std::string_view text, EncodeOptions options = {}) {
  auto ids = tokenizer.encode(text, options);
  EXPECT_TRUE(ids) << ids.error().message;
  return *ids;
}

/// The spellings of the tokens of `text`.
std::vector<std::string> spelt(const Tokenizer& tokenizer, std::string_view text,
                               EncodeOptions options = {}) {
  std::vector<std::string> out;
  for (const TokenId id : encode(tokenizer, text, options)) out.emplace_back(tokenizer.token_text(id));
  return out;
}

using Texts = std::vector<std::string>;

void expect_error(const SmallVocab& small, ErrorCode code, std::string_view part) {
  const auto tokenizer = small.build();
  ASSERT_FALSE(tokenizer);
  EXPECT_EQ(tokenizer.error().code, code);
  EXPECT_NE(tokenizer.error().message.find(part), std::string::npos) << tokenizer.error().message;
}

// --- byte-level BPE

TEST(ByteLevelTokenizer, MergesWithinPieces) {
  EXPECT_EQ(spelt(*built(test::byte_level_vocab()), "hello world", kPlain), (Texts{"hello", "\u0120world"}));
  EXPECT_EQ(spelt(*built(test::byte_level_vocab()), "hellohello!", kPlain), (Texts{"hello", "hello", "!"}));
}

TEST(ByteLevelTokenizer, ReadsSpecialTokensOnlyWhereAsked) {
  const auto tokenizer = built(test::byte_level_vocab());
  EXPECT_EQ(encode(*tokenizer, "<|im_end|>", {.add_special = false, .parse_special = true}),
            std::vector<TokenId>{1});
  EXPECT_EQ(encode(*tokenizer, "<|im_end|>", kPlain).size(), 10U);
  EXPECT_EQ(encode(*tokenizer, "<tool>", kPlain), std::vector<TokenId>{3});
}

TEST(ByteLevelTokenizer, AddsBosAndEosAsTheFileAsks) {
  SmallVocab small = test::byte_level_vocab();
  EXPECT_EQ(encode(*built(small), ""), std::vector<TokenId>{});
  small.other.add_bos = true;
  small.other.add_eos = true;
  const auto tokenizer = built(small);
  EXPECT_TRUE(tokenizer->adds_bos());
  EXPECT_EQ(encode(*tokenizer, ""), (std::vector<TokenId>{0, 1}));
  EXPECT_EQ(encode(*tokenizer, "", kPlain), std::vector<TokenId>{});
  small.pre = "llama-bpe";  // adds BOS if the file does not say
  small.other.add_bos.reset();
  EXPECT_TRUE(built(small)->adds_bos());
  small.other.add_bos = false;
  EXPECT_FALSE(built(small)->adds_bos());
}

TEST(ByteLevelTokenizer, Llama3TakesAWholeWordEvenIfMergesDoNotMakeIt) {
  SmallVocab small = test::byte_level_vocab("llama-bpe");
  const TokenId whole = small.add("xyz");
  EXPECT_EQ(encode(*built(small), "xyz", kPlain), std::vector<TokenId>{whole});
  small.pre = "gpt-2";
  EXPECT_EQ(spelt(*built(small), "xyz", kPlain), (Texts{"x", "y", "z"}));
}

TEST(ByteLevelTokenizer, BytesThatTheVocabularyLacksBecomeReplacementsOnlyIfBroken) {
  SmallVocab small = test::byte_level_vocab();
  small.tokens[4 + 0xfe] = "[unused]";
  const auto tokenizer = built(small);
  EXPECT_EQ(tokenizer->decode(encode(*tokenizer, "a\xfe\xff", kPlain)), "a\ufffd\xff");
}

class ByteLevelFamily : public testing::TestWithParam<const char*> {};

TEST_P(ByteLevelFamily, DecodesWhatItEncoded) {
  const auto tokenizer = built(test::byte_level_vocab(GetParam()));
  const bool holds = rc::check([&] {
    const std::string text =
        *rc::gen::oneOf(rc::gen::arbitrary<std::string>(),  // any bytes
                        rc::gen::container<std::string>(rc::gen::element(
                            'a', 'h', 'e', 'l', 'o', ' ', '\n', '1', '2', '\'', 's', '<', '\xc3', '\xa9')));
    for (const bool parse : {false, true}) {
      const auto ids = tokenizer->encode(text, {.add_special = false, .parse_special = parse});
      RC_ASSERT(ids.has_value());
      RC_ASSERT(tokenizer->decode(*ids, true) == text);
    }
  });
  EXPECT_TRUE(holds);
}

INSTANTIATE_TEST_SUITE_P(Names, ByteLevelFamily,
                         testing::Values("gpt-2", "smollm", "llama-bpe", "qwen2", "qwen35", "deepseek-llm",
                                         "deepseek-coder", "falcon"),
                         [](const auto& param_info) {
                           std::string name = param_info.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

// --- SentencePiece

TEST(SpmTokenizer, MergesByScoreAndPutsASpaceInFront) {
  const auto tokenizer = built(test::spm_vocab());
  EXPECT_EQ(spelt(*tokenizer, "hello world"), (Texts{"<s>", "\u2581hello", "\u2581world"}));
  EXPECT_EQ(tokenizer->decode(encode(*tokenizer, "hello world")), "hello world");
  EXPECT_EQ(tokenizer->decode(encode(*tokenizer, " hello")), " hello");
  EXPECT_EQ(encode(*tokenizer, ""), std::vector<TokenId>{1});
}

TEST(SpmTokenizer, PutsTheSpaceBehindEverySpecialTokenUnlessTheFileForbidsIt) {
  SmallVocab small = test::spm_vocab();
  EXPECT_EQ(spelt(*built(small), "hello</s>hello"), (Texts{"<s>", "\u2581hello", "</s>", "\u2581hello"}));
  small.other.add_space_prefix = false;
  EXPECT_EQ(spelt(*built(small), "hello", kPlain), (Texts{"h", "ello"}));
  EXPECT_EQ(built(small)->decode(encode(*built(small), " hello")), " hello");
}

TEST(SpmTokenizer, WritesUnknownCharactersAndBrokenBytesAsByteTokens) {
  const auto tokenizer = built(test::spm_vocab());
  EXPECT_EQ(spelt(*tokenizer, "\u4e2d\xff", kPlain),
            (Texts{"\u2581", "<0xE4>", "<0xB8>", "<0xAD>", "<0xFF>"}));
  EXPECT_EQ(tokenizer->decode(encode(*tokenizer, "\u4e2d\xff")), "\u4e2d\xff");
}

TEST(SpmTokenizer, WithoutByteTokensARunOfUnknownCharactersIsOneUnknownToken) {
  SmallVocab small = test::spm_vocab();
  for (std::size_t i = 0; i < small.types.size(); ++i) {
    if (small.types[i] == 6) small.types[i] = 1;
  }
  EXPECT_EQ(spelt(*built(small), "\u4e2d\u6587a", kPlain), (Texts{"\u2581", "<unk>", "a"}));
}

TEST(SpmTokenizer, NeverMakesASpecialTokenOutOfText) {
  SmallVocab small = test::spm_vocab();
  small.add("<s", TokenType::kNormal, -1);
  EXPECT_EQ(spelt(*built(small), "<s>", kPlain), (Texts{"\u2581", "<s", ">"}));
}

TEST(SpmTokenizer, TakesUnusedTokensApartAgain) {
  SmallVocab small = test::spm_vocab();
  for (std::size_t i = 0; i < small.tokens.size(); ++i) {
    if (small.tokens[i] == "ello") small.types[i] = 5;
  }
  EXPECT_EQ(spelt(*built(small), "xello", kPlain), (Texts{"\u2581", "<0x78>", "el", "lo"}));
  EXPECT_EQ(spelt(*built(small), "hello", kPlain), (Texts{"\u2581hello"}));  // a step towards this one
}

// --- Gemma 4

TEST(GemmaTokenizer, MergesAcrossWordsAndFallsBackToBytes) {
  const auto tokenizer = built(test::gemma_vocab());
  EXPECT_EQ(spelt(*tokenizer, "hello  \n\n\u4e2d"),
            (Texts{"<bos>", "hello", "\u2581\u2581", "\n\n", "<0xE4>", "<0xB8>", "<0xAD>"}));
  EXPECT_EQ(tokenizer->decode(encode(*tokenizer, " hello\xff")), " hello\xff");
}

TEST(GemmaTokenizer, AddsBosEvenIfTheFileDeniesIt) {
  SmallVocab small = test::gemma_vocab();
  small.other.add_bos = false;
  EXPECT_TRUE(built(small)->adds_bos());
}

// --- BERT

TEST(BertTokenizer, WritesWordsWithTheLongestPieces) {
  const auto tokenizer = built(test::bert_vocab());
  EXPECT_EQ(spelt(*tokenizer, "Hello, w\u00f6rlds"),
            (Texts{"[CLS]", "\u2581hello", "\u2581,", "\u2581wor", "ld", "s", "[SEP]"}));
  EXPECT_EQ(spelt(*tokenizer, "hellos caf\u00e9", kPlain), (Texts{"\u2581hello", "s", "\u2581cafe"}));
  EXPECT_EQ(tokenizer->decode(encode(*tokenizer, "hello worlds")), "hello worlds");
}

TEST(BertTokenizer, AWordIsUnknownAsAWhole) {
  const auto tokenizer = built(test::bert_vocab());
  EXPECT_EQ(spelt(*tokenizer, "hellox hello", kPlain), (Texts{"[UNK]", "\u2581hello"}));
  EXPECT_EQ(spelt(*tokenizer, std::string(100, 'a'), kPlain).size(), 100U);
  EXPECT_EQ(spelt(*tokenizer, std::string(101, 'a'), kPlain), Texts{"[UNK]"});
}

TEST(BertTokenizer, DoesNotTakeAMarkInsideAWordForItsStart) {
  EXPECT_EQ(spelt(*built(test::bert_vocab()), "he\u2581a", kPlain), Texts{"[UNK]"});
}

TEST(BertTokenizer, ReadsSpecialTokensOnlyWhereAsked) {
  const auto tokenizer = built(test::bert_vocab());
  EXPECT_EQ(spelt(*tokenizer, "[MASK]", {.add_special = false, .parse_special = true}), Texts{"[MASK]"});
  EXPECT_EQ(spelt(*tokenizer, "[MASK]", kPlain), (Texts{"\u2581[", "\u2581mask", "\u2581]"}));
}

// --- all

TEST(Tokenizer, AnIdOutsideTheVocabularyIsNothing) {
  const auto tokenizer = built(test::byte_level_vocab());
  for (const TokenId id : {-1, tokenizer->vocab_size(), std::numeric_limits<TokenId>::min()}) {
    EXPECT_EQ(tokenizer->token_bytes(id), "");
    EXPECT_EQ(tokenizer->token_text(id), "");
    EXPECT_FALSE(tokenizer->is_special(id));
  }
}

TEST(Tokenizer, ControlTokensAreShownOnlyIfAsked) {
  const auto tokenizer = built(test::byte_level_vocab());
  EXPECT_EQ(tokenizer->token_bytes(1), "");
  EXPECT_EQ(tokenizer->token_bytes(1, true), "<|im_end|>");
  EXPECT_EQ(tokenizer->token_bytes(3), "<tool>");
}

TEST(Tokenizer, RefusesATextThatIsTooLong) {
  const auto tokenizer = built(test::byte_level_vocab());
  const auto ids = tokenizer->encode(std::string(Tokenizer::max_text_bytes() + 1, 'a'), {});
  ASSERT_FALSE(ids);
  EXPECT_EQ(ids.error().code, ErrorCode::kTooLarge);
}

TEST(Tokenizer, NamesWhatItDoesNotKnow) {
  SmallVocab small = test::byte_level_vocab("no-such");
  expect_error(small, ErrorCode::kUnsupported, "no-such");
  small.model = "rwkv";
  expect_error(small, ErrorCode::kUnsupported, "rwkv");
}

TEST(Tokenizer, RefusesMergesThatMakeNoSense) {
  for (const char* merge : {"", "h", "h ", " h", "h\u0120e", "h zzz", "zzz h", "q q"}) {
    SmallVocab small = test::byte_level_vocab();
    small.merges.emplace_back(merge);
    expect_error(small, ErrorCode::kCorrupt, "merges[17]");
  }
  SmallVocab small = test::byte_level_vocab();
  small.merges.clear();
  expect_error(small, ErrorCode::kCorrupt, "merges");
}

TEST(Tokenizer, RefusesToAddATokenThatTheFileDoesNotName) {
  SmallVocab small = test::byte_level_vocab();
  small.other.add_bos = true;
  small.other.bos.reset();
  expect_error(small, ErrorCode::kCorrupt, "BOS");
  small = test::byte_level_vocab();
  small.other.add_eos = true;
  small.other.eos.reset();
  expect_error(small, ErrorCode::kCorrupt, "EOS");
  small = test::bert_vocab();
  small.other.sep.reset();
  expect_error(small, ErrorCode::kCorrupt, "BERT");
}

// --- from files

test::GgufWriter writer_of(const SmallVocab& small) {
  test::GgufWriter file;
  file.add("general.architecture", "llama")
      .add("tokenizer.ggml.model", small.model)
      .add("tokenizer.ggml.pre", small.pre);
  file.add("tokenizer.ggml.tokens", small.tokens).add("tokenizer.ggml.merges", small.merges);
  std::vector<std::int32_t> types;
  for (const std::int64_t type : small.types) types.push_back(static_cast<std::int32_t>(type));
  return file.add("tokenizer.ggml.token_type", types);
}

Result<std::unique_ptr<const Tokenizer>> from_file(const test::GgufWriter& writer) {
  const auto reader = gguf::Reader::from_bytes(writer.bytes(), "test.gguf");
  EXPECT_TRUE(reader) << reader.error().message;
  return Tokenizer::from_gguf(*reader);  // the reader goes away
}

TEST(TokenizerFromGguf, NeedsNoTensorsAndOutlivesTheReader) {
  test::GgufWriter writer = writer_of(test::byte_level_vocab());
  writer.add("tokenizer.ggml.eos_token_id", std::uint32_t{1}).add("tokenizer.ggml.add_bos_token", false);
  const auto tokenizer = from_file(writer);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ((*tokenizer)->eos(), 1);
  EXPECT_EQ((*tokenizer)->bos(), std::nullopt);
  EXPECT_EQ(spelt(**tokenizer, "hello world<|im_end|>"), (Texts{"hello", "\u0120world", "<|im_end|>"}));
}

TEST(TokenizerFromGguf, ReadsScoresOfEitherType) {
  const SmallVocab small = test::spm_vocab();
  std::vector<std::int32_t> ranks;
  for (const float score : small.scores) ranks.push_back(static_cast<std::int32_t>(score));
  for (const bool integers : {false, true}) {
    test::GgufWriter writer = writer_of(small);
    integers ? writer.add("tokenizer.ggml.scores", ranks) : writer.add("tokenizer.ggml.scores", small.scores);
    const auto tokenizer = from_file(writer);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    EXPECT_EQ(spelt(**tokenizer, "hello", kPlain), Texts{"\u2581hello"});
  }
}

TEST(TokenizerFromGguf, NamesFileAndKeyOfAValueOfTheWrongType) {
  const std::vector<std::int32_t> numbers{1, 2, 3};
  const std::vector<std::string> texts{"a"};
  struct Case {
    const char* key;
    std::function<void(test::GgufWriter&)> write;
  };
  for (const Case& c : std::vector<Case>{
           {"tokenizer.ggml.tokens", [&](auto& w) { w.add("tokenizer.ggml.tokens", numbers); }},
           {"tokenizer.ggml.merges", [&](auto& w) { w.add("tokenizer.ggml.merges", numbers); }},
           {"tokenizer.ggml.model", [&](auto& w) { w.add("tokenizer.ggml.model", std::uint32_t{1}); }},
           {"tokenizer.ggml.scores", [&](auto& w) { w.add("tokenizer.ggml.scores", texts); }},
           {"tokenizer.ggml.token_type", [&](auto& w) { w.add("tokenizer.ggml.token_type", texts); }},
           {"tokenizer.ggml.bos_token_id", [&](auto& w) { w.add("tokenizer.ggml.bos_token_id", "1"); }},
           {"tokenizer.ggml.add_bos_token",
            [&](auto& w) { w.add("tokenizer.ggml.add_bos_token", "yes"); }}}) {
    test::GgufWriter writer;
    c.write(writer);
    const auto tokenizer = from_file(writer);
    ASSERT_FALSE(tokenizer) << c.key;
    EXPECT_EQ(tokenizer.error().code, ErrorCode::kCorrupt) << tokenizer.error().message;
    EXPECT_NE(tokenizer.error().message.find(c.key), std::string::npos) << tokenizer.error().message;
    EXPECT_NE(tokenizer.error().message.find("test.gguf"), std::string::npos) << tokenizer.error().message;
  }
}

TEST(TokenizerFromGguf, SaysThatAFileHasNoVocabulary) {
  const auto tokenizer = from_file(test::GgufWriter());
  ASSERT_FALSE(tokenizer);
  EXPECT_EQ(tokenizer.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace zswarm::tokenizer
