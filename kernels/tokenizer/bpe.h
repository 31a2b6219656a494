// BPE over pieces of text: GPT-2's byte-level kind (tokenizer.ggml.model "gpt2") and Gemma 4's over
// characters ("gemma4").
//
// Byte-level: the symbols that merging starts from are bytes, so that every text can be written. A byte that
// the vocabulary lacks is left out, as in Hugging Face tokenizers without an unknown token, if it belongs to
// valid UTF-8 (which happens in no vocabulary we know); if it does not, U+FFFD takes its place. Characters:
// spaces become "▁"; a character that the vocabulary lacks becomes its bytes' tokens "<0xXX>".
#pragma once

#include <array>
#include <memory>

#include "kernels/tokenizer/merges.h"
#include "kernels/tokenizer/pretokenizer.h"
#include "kernels/tokenizer/text_model.h"
#include "kernels/tokenizer/vocab.h"

namespace zswarm::tokenizer {

class BpeModel final : public TextModel {
 public:
  enum class Alphabet { kBytes, kCharacters };

  /// `vocab` must outlive the model. Fails with kCorrupt for a merge that is malformed or of unknown tokens.
  static Result<std::unique_ptr<BpeModel>> build(const Vocab& vocab, const Metadata& metadata,
                                                 const PretokenizerSpec& spec, Alphabet alphabet);

  Status encode(std::string_view text, bool begins, std::vector<TokenId>& out) const override;
  [[nodiscard]] std::string bytes_of_token(std::string_view text) const override;
  [[nodiscard]] bool strips_leading_space() const override { return false; }

 private:
  BpeModel(const Vocab& vocab, Pretokenizer pretokenizer, bool whole_words, Alphabet alphabet,
           std::size_t merges);

  Status read_merges(const Metadata& metadata);
  void append_bytes(std::string_view piece, std::vector<TokenId>& ids) const;
  void append_characters(std::string_view piece, std::vector<TokenId>& ids) const;

  const Vocab& vocab_;
  Pretokenizer pretokenizer_;
  bool whole_words_;
  Alphabet alphabet_;
  MergeTable merges_;
  std::array<TokenId, 256> byte_ids_{};  // the token of each byte alone
};

}  // namespace zswarm::tokenizer
