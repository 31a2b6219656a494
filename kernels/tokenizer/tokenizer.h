// Text to token ids and back, as the model's GGUF metadata (tokenizer.ggml.*) describe.
//
// The ids are exactly those of the reference implementations (Hugging Face tokenizers, SentencePiece; where a
// file's own conversion differs, llama.cpp's). Built once from a Reader, immutable after that: any thread may
// use it. Owns copies of what it needs; the Reader may go away.
//
// Work is bounded: encode() runs in O(n log n) for any text (a run of 131,072 equal characters takes
// milliseconds), and its regular expressions have match and depth limits (PCRE2). Bytes that are not UTF-8
// are encoded, never refused.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/error.h"
#include "kernels/gguf/reader.h"

namespace zswarm::tokenizer {

using TokenId = std::int32_t;

struct Metadata;

struct EncodeOptions {
  bool add_special = true;  // BOS / EOS (or CLS / SEP) as the file asks
  bool parse_special =
      true;  // special tokens written in the text become their ids; otherwise they are plain text
};

class Tokenizer {
 public:
  /// Fails with kUnsupported (a model or pre-tokenizer that is not known: named in the message) or kCorrupt
  /// (arrays of wrong types or lengths, ids out of range, merges of unknown tokens).
  static Result<std::unique_ptr<const Tokenizer>> from_gguf(const gguf::Reader& file);
  /// The same from metadata that may come from elsewhere; messages name no file. See
  /// kernels/tokenizer/metadata.h.
  static Result<std::unique_ptr<const Tokenizer>> from_metadata(const Metadata& metadata);
  virtual ~Tokenizer() = default;

  /// The longest text that encode() takes; its working memory is up to about 40 times that.
  [[nodiscard]] static constexpr std::size_t max_text_bytes() { return std::size_t{16} << 20; }

  /// Fails only with kTooLarge (text over max_text_bytes()) or kInternal (a match limit, which is a bug).
  [[nodiscard]] virtual Result<std::vector<TokenId>> encode(std::string_view text,
                                                            EncodeOptions options) const = 0;

  /// The bytes that a token stands for; may be part of a character. Control tokens give "" unless
  /// `render_special`. Empty for an id out of range.
  [[nodiscard]] virtual std::string token_bytes(TokenId id, bool render_special = false) const = 0;

  /// The whole text of `ids`: their bytes one after the other, without the space that the model family puts
  /// before a text (see strips_leading_space). Bytes that are no UTF-8 stay as they are.
  [[nodiscard]] virtual std::string decode(std::span<const TokenId> ids,
                                           bool render_special = false) const = 0;

  [[nodiscard]] virtual TokenId vocab_size() const = 0;
  /// The text of the token as the vocabulary spells it ("Ġthe"); empty if out of range.
  [[nodiscard]] virtual std::string_view token_text(TokenId id) const = 0;
  [[nodiscard]] virtual std::optional<TokenId> bos() const = 0;
  [[nodiscard]] virtual std::optional<TokenId> eos() const = 0;
  [[nodiscard]] virtual bool adds_bos() const = 0;
  /// True for every token that ends a generation: EOS, EOT, EOM and the end-of-turn tokens that chat models
  /// use.
  [[nodiscard]] virtual bool ends_generation(TokenId id) const = 0;
  /// Control tokens and the unknown token.
  [[nodiscard]] virtual bool is_special(TokenId id) const = 0;
  /// True if decode() removes one space from the start (SentencePiece and BERT vocabularies).
  [[nodiscard]] virtual bool strips_leading_space() const = 0;
};

/// Turns a stream of tokens into text that is always whole UTF-8 characters. One per stream, one thread; the
/// Tokenizer must outlive it.
class StreamDecoder {
 public:
  /// What the tokens' text is: a text of its own, so that all pushes together give what decode() gives (a
  /// chat's answer), or the continuation of one, so that a space it begins with stays (a completion that is
  /// read behind its prompt).
  enum class Position { kStart, kContinuation };

  explicit StreamDecoder(const Tokenizer& tokenizer, Position position = Position::kStart)
      : tokenizer_(&tokenizer), first_(position == Position::kStart) {}

  /// Text that became complete with this token; bytes that cannot become a character any more come out as
  /// U+FFFD.
  std::string push(TokenId id);

  /// Bytes of an unfinished character that are still held back (dropped at the end of an answer).
  [[nodiscard]] std::string_view held_back() const { return pending_; }

 private:
  const Tokenizer* tokenizer_;
  std::string pending_;
  bool first_;  // nothing came yet
};

}  // namespace zswarm::tokenizer
