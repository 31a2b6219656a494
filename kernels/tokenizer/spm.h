// SentencePiece's BPE (tokenizer.ggml.model "llama"): neighbours whose joined text is a token are merged, the
// highest score first, the leftmost of equals. See sentencepiece/src/bpe_model.cc.
//
// Spaces become "▁" and, unless the file says otherwise, one is put before a text that begins or follows a
// special token. What does not end in a token becomes its bytes' tokens "<0xXX>", or the unknown token where
// the vocabulary has none.
#pragma once

#include "kernels/tokenizer/text_model.h"
#include "kernels/tokenizer/vocab.h"

namespace zswarm::tokenizer {

class SpmModel final : public TextModel {
 public:
  /// `vocab` must outlive the model.
  SpmModel(const Vocab& vocab, bool adds_space_prefix)
      : vocab_(vocab), adds_space_prefix_(adds_space_prefix) {}

  Status encode(std::string_view text, bool begins, std::vector<TokenId>& out) const override;
  [[nodiscard]] std::string bytes_of_token(std::string_view text) const override {
    return without_space_marks(text);
  }
  [[nodiscard]] bool strips_leading_space() const override { return adds_space_prefix_; }

 private:
  const Vocab& vocab_;
  bool adds_space_prefix_;
};

}  // namespace zswarm::tokenizer
