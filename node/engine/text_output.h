// Turns one answer's tokens into visible text and, if asked for, the log-probabilities that belong to it.
//
// Rules, whatever the split of the text into tokens:
//   - Text is whole UTF-8 characters. Bytes that cannot become a character come out as U+FFFD, which counts
//   as text of the token
//     that holds their first byte. An unfinished character at the end of the answer is dropped.
//   - A stop string ends the text before it. Of several, the one counts that is complete first; of those that
//     are complete with the same byte, the longest. So the text up to a stop contains no stop.
//   - Text that may still become a stop string is held back; finish() releases it.
//   - Text appears token by token: a token's text is released when all of it is certain, together with its
//   log-probability.
//     Tokens without visible text at the end of the answer are left out; one that is cut by a stop gives what
//     is left of it. Joined, the released bytes of the log-probabilities are the released text.
// What is released after a token depends on the answer's tokens alone. So a stream that is taken up in the
// middle pushes the tokens that were delivered, throws away what they release, and goes on.
//
// One per answer, one thread. Memory: the text held back, at most as long as the longest stop plus one token.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/tokenizer/tokenizer.h"
#include "node/client.h"

namespace zswarm::node {

class TextOutput {
 public:
  /// `stops`: not empty, valid UTF-8. `own_text`: the answer does not continue a text, so that the space goes
  /// which the vocabulary puts before one. The tokenizer must outlive this.
  TextOutput(const tokenizer::Tokenizer& tokenizer, const std::vector<std::string>& stops, bool with_logprobs,
             bool own_text = false);

  /// The next token of the answer; its `bytes` are filled in here. Returns false when a stop string is
  /// complete: the text has ended, and what was left is released. Not called again after that.
  [[nodiscard]] bool push(TokenLogprob token);

  /// The answer is over without a stop string: releases what was held back for one.
  void finish();

  /// Moves what was released since the last call into `delta` (text, logprobs).
  void take(Delta& delta);

  /// Tokens at the end whose text is not released yet. set_logprobs() gives their log-probabilities, of all
  /// of them in order, when they were pushed without: for a stream that is taken up in the middle.
  [[nodiscard]] std::size_t pending() const { return tokens_.size(); }
  void set_logprobs(std::vector<TokenLogprob> logprobs);

 private:
  // Knuth, Morris and Pratt (1977): the longest prefix of `pattern` that the text ends with.
  struct Matcher {
    std::string pattern;
    std::vector<std::uint32_t>
        fallback;  // fallback[n]: the longest proper prefix that pattern[0, n) ends with
    std::uint32_t matched = 0;
    void push(char byte);
    [[nodiscard]] bool complete() const { return matched == pattern.size(); }
  };
  struct Pending {
    TokenLogprob token;
    std::size_t bytes = 0;    // of text_ that are this token's
    bool unfinished = false;  // holds bytes of a character that is not complete
  };

  void decode(std::string_view bytes);
  bool append(std::string_view character, std::size_t owner);
  void release_certain();
  void release(std::size_t tokens, std::size_t bytes);

  const tokenizer::Tokenizer* tokenizer_;
  bool with_logprobs_;
  bool strip_space_;  // from the first bytes that come
  bool stopped_ = false;
  std::vector<Matcher> matchers_;
  std::vector<Pending> tokens_;      // not released, in order
  std::string text_;                 // not released: the texts of tokens_ joined
  std::string tail_;                 // bytes of an unfinished character …
  std::size_t tail_owners_[4] = {};  // … and the index in tokens_ of the token each came from
  std::string released_text_;
  std::vector<TokenLogprob> released_logprobs_;
};

}  // namespace zswarm::node
