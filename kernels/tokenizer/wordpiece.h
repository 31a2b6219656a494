// BERT's WordPiece (tokenizer.ggml.model "bert"): each word is written with the longest tokens from left to
// right, or it is the unknown token as a whole. Devlin et al. 2018; words of more than 100 characters are
// unknown, as in the reference.
//
// GGUF files turn the vocabulary around: a token that begins a word is spelt with "▁" in front, and "##" is
// gone from the others.
#pragma once

#include "kernels/tokenizer/bert_normalizer.h"
#include "kernels/tokenizer/text_model.h"
#include "kernels/tokenizer/vocab.h"

namespace zswarm::tokenizer {

class WordPieceModel final : public TextModel {
 public:
  /// `vocab` must outlive the model and have an unknown token.
  WordPieceModel(const Vocab& vocab, BertOptions options) : vocab_(vocab), options_(options) {}

  Status encode(std::string_view text, bool begins, std::vector<TokenId>& out) const override;
  [[nodiscard]] std::string bytes_of_token(std::string_view text) const override {
    return without_space_marks(text);
  }
  [[nodiscard]] bool strips_leading_space() const override { return true; }

 private:
  /// The longest token that `rest` begins with: its id, and its length in `length`. kNoToken if none.
  TokenId longest(std::string_view rest, bool begins_word, std::size_t& length) const;

  const Vocab& vocab_;
  BertOptions options_;
};

}  // namespace zswarm::tokenizer
