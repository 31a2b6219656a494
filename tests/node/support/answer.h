// Collects the events of one request and checks their order.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/client.h"

namespace zswarm::test {

struct Answer {
  std::vector<node::TokenId> tokens;
  std::string text;
  std::vector<node::TokenLogprob> logprobs;
  std::optional<node::PromptScored> prompt;
  std::optional<node::Finished> finished;
  std::optional<Error> error;
  std::vector<node::Delta> deltas;

  [[nodiscard]] bool ended() const { return finished.has_value() || error.has_value(); }
  [[nodiscard]] std::string logprob_bytes() const {
    std::string bytes;
    for (const auto& logprob : logprobs) bytes += logprob.bytes;
    return bytes;
  }
};

/// A sink that fills `answer`, which lives as long as either of them. `delivered`: where the token numbers
/// begin.
inline node::EventSink collect(std::shared_ptr<Answer> answer, std::size_t delivered = 0) {
  return [answer, delivered](node::Event event) {
    EXPECT_FALSE(answer->ended()) << "an event after the last one";
    if (auto* delta = std::get_if<node::Delta>(&event)) {
      EXPECT_EQ(delta->first_token, delivered + answer->tokens.size());
      answer->tokens.insert(answer->tokens.end(), delta->tokens.begin(), delta->tokens.end());
      answer->text += delta->text;
      answer->logprobs.insert(answer->logprobs.end(), delta->logprobs.begin(), delta->logprobs.end());
      answer->deltas.push_back(*delta);
    } else if (auto* scored = std::get_if<node::PromptScored>(&event)) {
      EXPECT_TRUE(answer->tokens.empty() && !answer->prompt) << "prompt scores come first and once";
      answer->prompt = *scored;
    } else if (auto* finished = std::get_if<node::Finished>(&event)) {
      answer->finished = *finished;
    } else {
      answer->error = std::get<Error>(event);
    }
  };
}

}  // namespace zswarm::test
