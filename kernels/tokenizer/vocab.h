// The vocabulary: token texts, types and scores, and the way back from a text to its id.
//
// Texts lie in one arena; the index is an open-addressing table of (hash tag, id). Built once from Metadata,
// immutable after that: any thread may read. Views stay valid as long as the Vocab (they survive a move).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/error.h"
#include "kernels/tokenizer/metadata.h"
#include "kernels/tokenizer/tokenizer.h"

namespace zswarm::tokenizer {

/// Numbers as in tokenizer.ggml.token_type.
enum class TokenType : std::uint8_t {
  kUndefined = 0,
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,      // found in text only where special tokens are parsed; never printed
  kUserDefined = 4,  // found in every text, before anything else; printed as it is spelt
  kUnused = 5,
  kByte = 6,  // "<0xXX>"
};

inline constexpr TokenId kNoToken = -1;

/// FNV-1a over bytes. Extending a hash byte by byte gives the hashes of all prefixes in one pass (see
/// Vocab::find_hashed).
struct TextHash {
  std::uint64_t state = 0xcbf29ce484222325;
  void add(char byte) { state = (state ^ static_cast<unsigned char>(byte)) * 0x100000001b3; }
  void add(std::string_view text) {
    for (const char byte : text) add(byte);
  }
};

class Vocab {
 public:
  /// Fails with kCorrupt: no tokens, too many, lists of different lengths, unknown types, scores that are not
  /// numbers, ids out of range.
  static Result<Vocab> build(const Metadata& metadata);

  [[nodiscard]] TokenId size() const { return static_cast<TokenId>(types_.size()); }
  [[nodiscard]] bool contains(TokenId id) const { return id >= 0 && id < size(); }

  /// For an id inside the vocabulary.
  [[nodiscard]] std::string_view text(TokenId id) const {
    const auto i = static_cast<std::size_t>(id);
    return {arena_.data() + ends_[i], ends_[i + 1] - ends_[i]};
  }
  [[nodiscard]] TokenType type(TokenId id) const { return types_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] float score(TokenId id) const {
    return scores_.empty() ? 0.0F : scores_[static_cast<std::size_t>(id)];
  }
  [[nodiscard]] bool is_special(TokenId id) const {
    return contains(id) && (type(id) == TokenType::kControl || type(id) == TokenType::kUnknown);
  }
  [[nodiscard]] bool ends_generation(TokenId id) const {
    return contains(id) && ends_generation_[static_cast<std::size_t>(id)];
  }

  /// The token spelt exactly so, or kNoToken. Of several with one text the first is found.
  [[nodiscard]] TokenId find(std::string_view text) const {
    TextHash hash;
    hash.add(text);
    return find_hashed(text, hash);
  }
  [[nodiscard]] TokenId find_hashed(std::string_view text, TextHash hash) const;
  /// As find(), but only tokens that stand for text: not control, unknown, user-defined or byte tokens.
  [[nodiscard]] TokenId find_plain(std::string_view text) const;

  /// The token "<0xXX>" of a byte, or kNoToken.
  [[nodiscard]] TokenId byte_token(unsigned char byte) const { return byte_tokens_[byte]; }
  /// The byte that a token of type kByte stands for.
  [[nodiscard]] std::optional<unsigned char> byte_value(TokenId id) const;

  [[nodiscard]] std::size_t longest_text() const { return longest_text_; }

  // Ids of the file or the family's defaults; inside the vocabulary.
  std::optional<TokenId> bos, eos, eot, eom, unk, sep, pad, mask;

 private:
  struct Slot {
    std::uint32_t tag = 0;
    TokenId id = kNoToken;
  };

  Status read_types(const Metadata& metadata);
  Status read_ids(const Metadata& metadata);
  void index_texts();
  void index_bytes();
  void mark_ends_of_generation();

  std::string arena_;
  std::vector<std::size_t> ends_;  // size() + 1 offsets into arena_
  std::vector<TokenType> types_;
  std::vector<float> scores_;  // empty, or one per token
  std::vector<bool> ends_generation_;
  std::vector<Slot> slots_;  // power of two, at most half full
  std::vector<TokenId> byte_tokens_;
  std::size_t longest_text_ = 0;
};

}  // namespace zswarm::tokenizer
