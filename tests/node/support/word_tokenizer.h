// A tokenizer whose vocabulary the test chooses: token id i stands for the bytes words[i]. encode() takes the
// longest word that fits, byte by byte of the text. For tests of what is built on tokenizers, where the split
// into tokens matters.
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "kernels/tokenizer/tokenizer.h"

namespace zswarm::test {

class WordTokenizer : public tokenizer::Tokenizer {
 public:
  using TokenId = tokenizer::TokenId;

  explicit WordTokenizer(std::vector<std::string> words, std::set<TokenId> ends = {},
                         std::set<TokenId> specials = {})
      : words_(std::move(words)), ends_(std::move(ends)), specials_(std::move(specials)) {}

  /// 256 tokens, one for each byte, and `end` after them.
  static WordTokenizer of_bytes() {
    std::vector<std::string> words;
    for (int byte = 0; byte < 256; ++byte) words.push_back(std::string(1, static_cast<char>(byte)));
    words.push_back("<end>");
    return WordTokenizer(std::move(words), {256}, {256});
  }

  Result<std::vector<TokenId>> encode(std::string_view text, tokenizer::EncodeOptions) const override {
    std::vector<TokenId> ids;
    while (!text.empty()) {
      TokenId best = -1;
      for (TokenId id = 0; id < vocab_size(); ++id) {
        const std::string& word = words_[static_cast<std::size_t>(id)];
        if (specials_.count(id) != 0 || word.empty() || text.substr(0, word.size()) != word) continue;
        if (best < 0 || word.size() > words_[static_cast<std::size_t>(best)].size()) best = id;
      }
      if (best < 0) return fail(ErrorCode::kInternal, "no word fits the text");
      ids.push_back(best);
      text.remove_prefix(words_[static_cast<std::size_t>(best)].size());
    }
    return ids;
  }
  std::string token_bytes(TokenId id, bool render_special = false) const override {
    if (id < 0 || id >= vocab_size() || (specials_.count(id) != 0 && !render_special)) return "";
    return words_[static_cast<std::size_t>(id)];
  }
  std::string decode(std::span<const TokenId> ids, bool render_special = false) const override {
    std::string text;
    for (const TokenId id : ids) text += token_bytes(id, render_special);
    return text;
  }
  TokenId vocab_size() const override { return static_cast<TokenId>(words_.size()); }
  std::string_view token_text(TokenId id) const override {
    return id < 0 || id >= vocab_size() ? std::string_view() : words_[static_cast<std::size_t>(id)];
  }
  std::optional<TokenId> bos() const override { return std::nullopt; }
  std::optional<TokenId> eos() const override {
    return ends_.empty() ? std::nullopt : std::optional<TokenId>(*ends_.begin());
  }
  bool adds_bos() const override { return false; }
  bool ends_generation(TokenId id) const override { return ends_.count(id) != 0; }
  bool strips_leading_space() const override { return true; }
  bool is_special(TokenId id) const override { return specials_.count(id) != 0; }

 private:
  std::vector<std::string> words_;
  std::set<TokenId> ends_, specials_;
};

}  // namespace zswarm::test
