// Small vocabularies of each kind, as metadata, for tests and fuzzers.
//
// Header only: the fuzz targets link no test code.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <vector>

#include "kernels/tokenizer/byte_alphabet.h"
#include "kernels/tokenizer/metadata.h"
#include "kernels/tokenizer/tokenizer.h"
#include "kernels/tokenizer/vocab.h"

namespace zswarm::test {

/// Owns the strings that a tokenizer::Metadata views.
struct SmallVocab {
  std::string model = "gpt2";
  std::string pre = "gpt-2";
  std::vector<std::string> tokens;
  std::vector<std::string> merges;
  std::vector<float> scores;
  std::vector<std::int64_t> types;
  tokenizer::Metadata other;  // everything but the lists

  tokenizer::TokenId add(std::string text, tokenizer::TokenType type = tokenizer::TokenType::kNormal,
                         float score = 0) {
    tokens.push_back(std::move(text));
    types.push_back(static_cast<std::int64_t>(type));
    scores.push_back(score);
    return static_cast<tokenizer::TokenId>(tokens.size() - 1);
  }

  /// A merge and the token it makes, if that is new.
  void merge(const std::string& left, const std::string& right) {
    merges.push_back(left + " " + right);
    for (const std::string& token : tokens) {
      if (token == left + right) return;
    }
    add(left + right);
  }

  /// Views into this object.
  [[nodiscard]] tokenizer::Metadata metadata() const {
    tokenizer::Metadata m = other;
    m.model = model;
    m.pre = pre;
    m.tokens.assign(tokens.begin(), tokens.end());
    m.merges.assign(merges.begin(), merges.end());
    m.scores = scores;
    m.types = types;
    return m;
  }

  [[nodiscard]] Result<std::unique_ptr<const tokenizer::Tokenizer>> build() const {
    return tokenizer::Tokenizer::from_metadata(metadata());
  }
};

/// All bytes, some merges, ChatML's tokens (0, 1, 2) and "<tool>", which is user-defined.
inline SmallVocab byte_level_vocab(std::string_view pre = "gpt-2") {
  using tokenizer::TokenType;
  SmallVocab v;
  v.pre = pre;
  v.other.bos = v.add("<|im_start|>", TokenType::kControl);
  v.other.eos = v.add("<|im_end|>", TokenType::kControl);
  v.add("<|endoftext|>", TokenType::kControl);
  v.add("<tool>", TokenType::kUserDefined);
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(static_cast<unsigned char>(byte));
    v.add(tokenizer::spelling_of({&c, 1}));
  }
  const std::string space = tokenizer::spelling_of(" ");
  for (const auto& [left, right] : std::vector<std::pair<std::string, std::string>>{
           {"h", "e"},
           {"l", "l"},
           {"he", "ll"},
           {"hell", "o"},
           {space, "w"},
           {"o", "r"},
           {space + "w", "or"},
           {"l", "d"},
           {space + "wor", "ld"},
           {space, space},
           {space + space, space + space},
           {"a", "a"},
           {"aa", "aa"},
           {"1", "2"},
           {"12", "3"},
           {tokenizer::spelling_of("\xc3"), tokenizer::spelling_of("\xa9")},
           {tokenizer::spelling_of("\xf0"), tokenizer::spelling_of("\x9f")}}) {
    v.merge(left, right);
  }
  return v;
}

/// "<unk>", "<s>", "</s>", byte tokens, letters, some words; scores as SentencePiece's BPE trainer gives
/// them.
inline SmallVocab spm_vocab() {
  using tokenizer::TokenType;
  SmallVocab v;
  v.model = "llama";
  v.pre = "default";
  v.other.unk = v.add("<unk>", TokenType::kUnknown);
  v.other.bos = v.add("<s>", TokenType::kControl);
  v.other.eos = v.add("</s>", TokenType::kControl);
  for (unsigned byte = 0; byte < 256; ++byte) v.add(fmt::format("<0x{:02X}>", byte), TokenType::kByte);
  float score = 0;
  for (const char* word : {"\u2581h", "el",     "lo", "ello", "\u2581hello", "\u2581\u2581",
                           "\u2581w", "or",     "ld", "orld", "\u2581world", "aa",
                           "aaaa",    "\u2581", "h",  "e",    "l",           "o",
                           "w",       "r",      "d",  "a",    "<",           "s",
                           ">",       "\u00e9"}) {
    v.add(word, TokenType::kNormal, score--);
  }
  v.add("<tool>", TokenType::kUserDefined);
  return v;
}

/// Gemma 4's kind: merges over characters, "▁" for spaces, byte tokens for the rest.
inline SmallVocab gemma_vocab() {
  using tokenizer::TokenType;
  SmallVocab v;
  v.model = "gemma4";
  v.pre = "";
  v.add("<pad>", TokenType::kControl);
  v.other.eos = v.add("<eos>", TokenType::kControl);
  v.other.bos = v.add("<bos>", TokenType::kControl);
  v.other.unk = v.add("<unk>", TokenType::kControl);
  for (unsigned byte = 0; byte < 256; ++byte) v.add(fmt::format("<0x{:02X}>", byte), TokenType::kByte);
  for (const char* letter : {"\u2581", "h", "e", "l", "o", "w", "r", "d", "a", "\n", "\u00e9"}) v.add(letter);
  for (const auto& [left, right] : std::vector<std::pair<std::string, std::string>>{{"\n", "\n"},
                                                                                    {"\u2581", "\u2581"},
                                                                                    {"h", "e"},
                                                                                    {"l", "l"},
                                                                                    {"he", "ll"},
                                                                                    {"hell", "o"},
                                                                                    {"o", "\u2581"},
                                                                                    {"a", "a"}}) {
    v.merge(left, right);
  }
  return v;
}

/// GGUF's turned-around WordPiece vocabulary.
inline SmallVocab bert_vocab() {
  using tokenizer::TokenType;
  SmallVocab v;
  v.model = "bert";
  v.pre = "default";
  v.other.pad = v.add("[PAD]", TokenType::kControl);
  v.other.unk = v.add("[UNK]", TokenType::kControl);
  v.other.cls = v.add("[CLS]", TokenType::kControl);
  v.other.sep = v.add("[SEP]", TokenType::kControl);
  v.other.mask = v.add("[MASK]", TokenType::kControl);
  for (const char* token : {"\u2581hello", "\u2581he", "llo", "\u2581wor", "ld", "\u2581,", "\u2581[",
                            "\u2581]", "\u2581cafe", "s", "\u2581a", "a", "\u2581\u4e2d", "\u2581mask"}) {
    v.add(token);
  }
  v.scores.clear();
  return v;
}

}  // namespace zswarm::test
