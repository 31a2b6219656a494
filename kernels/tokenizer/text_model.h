// What the tokenizer families have in common: text without special tokens to ids, and one id to its bytes.
//
// Implemented by BpeModel, SpmModel and WordPieceModel. Immutable: any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/error.h"
#include "kernels/tokenizer/tokenizer.h"

namespace zswarm::tokenizer {

class TextModel {
 public:
  virtual ~TextModel() = default;

  /// Appends the ids of `text`, which is never empty. `begins`: it stands at the beginning or behind a
  /// special token. Fails with kInternal (a match limit).
  virtual Status encode(std::string_view text, bool begins, std::vector<TokenId>& out) const = 0;

  /// What an ordinary token (not control, unknown, user-defined or byte) stands for. `text` is its spelling.
  [[nodiscard]] virtual std::string bytes_of_token(std::string_view text) const = 0;

  /// True if a decoded text loses the space that it begins with, because encode() put one there.
  [[nodiscard]] virtual bool strips_leading_space() const = 0;
};

/// "▁" (U+2581), which stands for a space in SentencePiece vocabularies and for the start of a word in GGUF's
/// BERT ones.
inline constexpr std::string_view kSpaceMark = "\xe2\x96\x81";

/// `text` with each space written as kSpaceMark, and the way back.
[[nodiscard]] std::string with_space_marks(std::string_view text);
[[nodiscard]] std::string without_space_marks(std::string_view text);

}  // namespace zswarm::tokenizer
