// Finds special tokens written in a text.
//
// Matching is leftmost-longest over all tokens at once, as Hugging Face's added vocabulary does it (an
// Aho-Corasick automaton of that kind). A trie walked from each position: O(n × longest special token), with
// one table look-up where no token begins. Immutable after construction: any thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/tokenizer/vocab.h"

namespace zswarm::tokenizer {

/// A part of a text: one special token, or (token == kNoToken) text between them, never empty.
struct Fragment {
  TokenId token = kNoToken;
  std::string_view text;
};

/// What a token does with white space beside it, which then belongs to neither fragment.
struct Stripping {
  bool left = false;
  bool right = false;
};

class SpecialTokens {
 public:
  /// Control, unknown and user-defined tokens of `vocab`; `architecture`, `name` and `pre` decide about
  /// stripping, which GGUF files do not record.
  SpecialTokens(const Vocab& vocab, const Metadata& metadata);

  /// The fragments of `text`, in order. Without `parse_special` only user-defined tokens are found.
  [[nodiscard]] std::vector<Fragment> split(std::string_view text, bool parse_special) const;

 private:
  struct Node {  // first child / next sibling
    std::uint32_t child = 0;
    std::uint32_t sibling = 0;
    TokenId token = kNoToken;
    char byte = 0;
    bool user_defined = false;
    Stripping strip;
  };

  void insert(std::string_view text, TokenId token, bool user_defined, Stripping strip);
  [[nodiscard]] std::uint32_t child_of(std::uint32_t node, char byte) const;
  /// The longest token at the start of `text`: its length, 0 if none. `found` is its last node.
  std::size_t match(std::string_view text, bool parse_special, const Node*& found) const;

  std::vector<Node> nodes_{Node{}};  // node 0 is nobody's child: 0 means none
  std::vector<std::uint32_t> roots_ = std::vector<std::uint32_t>(256, 0);
};

}  // namespace zswarm::tokenizer
