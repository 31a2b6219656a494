// The answer to a generation request, whole or streamed, in one of OpenAI's two shapes.
//
// An AnswerFormat holds what all chunks of one HTTP answer share, and per choice what the next chunk depends
// on (text_offset). It does no I/O: it takes the engine's news and hands back JSON text. One per HTTP
// request, one thread. Streamed texts and logprobs together equal those of the whole answer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/json/json.h"
#include "node/client.h"

namespace zswarm::gateway {

struct AnswerHead {
  std::string id;  // "chatcmpl-…"
  std::int64_t created_unix_s = 0;
  std::string model;
  bool logprobs = false;
  bool include_usage = false;  // chunks carry "usage": null, and one more chunk carries the figures
};

struct Usage {
  std::uint64_t prompt_tokens = 0;  // of each prompt once, however many choices it has
  std::uint64_t cached_tokens = 0;
  std::uint64_t completion_tokens = 0;
};

/// What a completion with `echo` repeats in front of a choice's text.
struct EchoedPrompt {
  std::string text;
  std::vector<node::TokenLogprob>
      tokens;  // with logprobs: all tokens, the first one's logprob meaningless; else empty
};

/// One choice of a whole answer.
struct Choice {
  std::optional<EchoedPrompt> echoed;
  std::string text;
  std::vector<node::TokenLogprob> logprobs;
  node::FinishReason reason = node::FinishReason::kStop;
};

class AnswerFormat {
 public:
  virtual ~AnswerFormat() = default;

  /// Chunk that opens choice `index` of a stream; empty if the shape has none. `echoed`: null without echo.
  virtual std::string opening(std::size_t index, const EchoedPrompt* echoed) = 0;
  /// Chunk for newly visible text and its logprobs.
  virtual std::string delta(std::size_t index, const std::string& text,
                            const std::vector<node::TokenLogprob>& logprobs) = 0;
  /// Chunk that ends choice `index`.
  virtual std::string closing(std::size_t index, node::FinishReason reason) = 0;
  /// Chunk without choices that carries the figures.
  virtual std::string usage_chunk(const Usage& usage) = 0;
  /// The whole answer.
  virtual std::string whole(const std::vector<Choice>& choices, const Usage& usage) = 0;
};

[[nodiscard]] std::unique_ptr<AnswerFormat> chat_format(AnswerHead head);

[[nodiscard]] std::unique_ptr<AnswerFormat> completion_format(AnswerHead head, std::size_t choices);

/// Shared parts, exposed for their tests.
[[nodiscard]] Json usage_json(const Usage& usage);
[[nodiscard]] std::string_view finish_reason_name(node::FinishReason reason);
[[nodiscard]] std::string_view system_fingerprint();
/// JSON has no infinity: -9999, as OpenAI has it for what is practically impossible.
[[nodiscard]] double finite_logprob(float logprob);

}  // namespace zswarm::gateway
