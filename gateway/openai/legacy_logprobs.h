// The logprobs of text completions: four lists side by side, with the offset of each token in the choice's
// text.
//
// Offsets count characters (code points, as Python indexes them) from the start of the choice's text, echoed
// prompt included. A token that is not whole characters is written "bytes:\xe2\x80", as OpenAI does, so that
// alternatives stay distinct; its offset is that of the character it belongs to. Pure, one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gateway/json/json.h"
#include "node/client.h"

namespace zswarm::gateway {

class LegacyLogprobs {
 public:
  /// Tokens of an answer: their bytes joined are its text.
  void add(const std::vector<node::TokenLogprob>& tokens);

  /// Tokens of an echoed prompt. The first has no logprob. Special tokens that `text` does not spell out
  /// stand at the offset of what follows, and so does a space that the tokenizer put in front.
  void add_prompt(const std::vector<node::TokenLogprob>& tokens, std::string_view text);

  /// What was added since the last call: {"tokens", "token_logprobs", "top_logprobs", "text_offset"}.
  [[nodiscard]] Json take();

 private:
  void push(const node::TokenLogprob& token, bool has_logprob);
  void advance(std::string_view bytes);

  Json tokens_ = Json::array(), token_logprobs_ = Json::array(), top_ = Json::array(),
       offsets_ = Json::array();
  std::size_t characters_ = 0;  // whole characters before the next token
  std::string partial_;         // bytes of a character that has begun
};

/// A token's bytes as the legacy shape writes them.
[[nodiscard]] std::string legacy_token_text(std::string_view bytes);

}  // namespace zswarm::gateway
