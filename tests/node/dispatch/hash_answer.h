// A generation whose next token is a hash of the prompt, the seed and the tokens before: what an engine would
// tell of it, and therefore what a stream must be, wherever its parts were computed.
//
// As in the engine the text of some tokens is held back (here: of odd ones, until an even one comes), what is
// released depends on the answer's tokens alone, and a stream that is taken up in the middle goes on with
// what its delivered tokens did not release.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/client.h"

namespace zswarm::test {

class HashAnswer {
 public:
  static constexpr std::int32_t kVocab = 1000;
  static constexpr node::TokenId kEnd = 0;
  static constexpr std::uint32_t kContext = 4096;  // of the answer, if the request names no bound

  explicit HashAnswer(node::GenerateRequest what) : what_(std::move(what)), state_(what_.sampling.seed) {
    for (const node::TokenId token : what_.prompt) mix(token);
    for (const node::TokenId token : std::exchange(what_.delivered, {})) {
      node::Delta told;
      take(token, told);
    }
  }

  [[nodiscard]] const std::optional<node::FinishReason>& ended() const { return ended_; }
  /// Not after the end.
  [[nodiscard]] node::Delta step() {
    node::Delta delta;
    delta.first_token = static_cast<std::uint32_t>(tokens_.size());
    const auto next = static_cast<node::TokenId>((state_ >> 20) % kVocab);
    delta.tokens.push_back(next % 64 == 63 ? kEnd : std::max(next, 1));
    take(delta.tokens[0], delta);
    return delta;
  }
  [[nodiscard]] node::PromptScored scores() const {
    node::PromptScored scored;
    for (std::size_t i = 1; i < what_.prompt.size(); ++i) scored.tokens.push_back(logprob(what_.prompt[i]));
    return scored;
  }
  [[nodiscard]] node::Finished finished() const {
    return {*ended_, static_cast<std::uint32_t>(what_.prompt.size()),
            0,       static_cast<std::uint32_t>(tokens_.size()),
            0,       0,
            0};
  }
  [[nodiscard]] std::size_t tokens() const { return tokens_.size(); }

 private:
  void mix(node::TokenId token) {
    state_ = (state_ ^ static_cast<std::uint32_t>(token)) * 0x9e3779b97f4a7c15ull;
    state_ ^= state_ >> 29;
  }
  static node::TokenLogprob logprob(node::TokenId token) {
    return {token, -static_cast<float>(token) / 1000, std::to_string(token) + " ", {}};
  }
  void take(node::TokenId token, node::Delta& delta) {
    mix(token);
    tokens_.push_back(token);
    if (token == kEnd) {
      ended_ = node::FinishReason::kStop;
    } else {
      held_.push_back(token);
      if (tokens_.size() >= what_.max_tokens.value_or(kContext)) ended_ = node::FinishReason::kLength;
    }
    if (!ended_ && token % 2 != 0) return;
    for (const node::TokenId held : held_) {
      delta.text += std::to_string(held) + " ";
      if (what_.sampling.top_logprobs >= 0) delta.logprobs.push_back(logprob(held));
    }
    held_.clear();
  }

  node::GenerateRequest what_;
  std::uint64_t state_;
  std::vector<node::TokenId> tokens_, held_;
  std::optional<node::FinishReason> ended_;
};

}  // namespace zswarm::test
