// Runs the answers of one HTTP request and writes them in one of OpenAI's shapes, whole or streamed.
//
// Shared by chat and text completions. Loop thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/context.h"
#include "gateway/http/exchange.h"
#include "gateway/openai/answer_format.h"
#include "node/client.h"

namespace zswarm::gateway {

/// A prompt that is answered `choices` times, one after the other in the list of requests.
struct PromptInfo {
  std::size_t tokens = 0;
  std::optional<EchoedPrompt>
      echoed;  // with logprobs, `tokens` in it holds the first token only; the engine gives the rest
};

struct AnswerPlan {
  std::vector<node::GenerateRequest> requests;  // prompts x choices
  std::vector<PromptInfo> prompts;
  std::size_t choices = 1;
  bool stream = false;
  bool include_usage = false;
  bool score_only =
      false;  // echo with logprobs and no tokens asked for: an answer ends when its prompt is scored
};

/// Nothing: the answer was streamed. Otherwise it is to be sent.
[[nodiscard]] asio::awaitable<std::optional<Response>> run_answer(Context& context, Exchange& exchange,
                                                                  AnswerPlan plan,
                                                                  std::unique_ptr<AnswerFormat> format);

/// "chatcmpl-" and 24 random letters and digits.
[[nodiscard]] std::string random_id(std::string_view prefix);
/// A seed for a request that brings none.
[[nodiscard]] std::uint64_t random_seed();
[[nodiscard]] std::int64_t unix_now_s();

}  // namespace zswarm::gateway
