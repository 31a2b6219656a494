// One request while the engine has it: what was asked, the sequence that is computed for it, the text that
// comes out.
//
// Made on the caller's thread, then owned by the engine's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "kernels/tokenizer/tokenizer.h"
#include "node/client.h"
#include "node/engine/sequence.h"
#include "node/engine/text_output.h"

namespace zswarm::node {

/// What a model can do for one request here.
struct RequestLimits {
  std::int32_t vocab_size = 0;
  std::uint32_t context_tokens = 0;  // prompt and answer together: the model's context or the user's limit
  std::uint32_t memory_tokens = 0;   // what the KV cache can hold at most for one sequence
  static constexpr std::size_t kMaxStops = 64;
  static constexpr std::size_t kMaxStopBytes = 4096;

  [[nodiscard]] std::uint32_t usable_tokens() const { return std::min(context_tokens, memory_tokens); }
};

struct GenerateState {
  GenerateRequest asked;  // its token vectors are moved into the sequence
  EventSink sink;
  TextOutput text;
  std::uint32_t max_tokens = 0;      // of the answer, delivered ones included
  std::uint32_t told = 0;            // tokens of the answer that the client has
  std::vector<TokenLogprob> scored;  // of the positions [first wanted row, sequence.rows_begin)
  bool prompt_scores_due = false;
};

struct EmbedState {
  EmbedSink sink;
  std::vector<double>
      sum;  // of the final hidden states of the positions below sequence.rows_begin, in their order
};

struct Request {
  RequestId id = 0;
  Sequence sequence;
  std::variant<GenerateState, EmbedState> state;
  double submitted_s = 0;
  double admitted_s = -1;  // below 0: not yet
  double first_token_s = -1;
  double last_token_s = -1;

  [[nodiscard]] std::uint32_t answer_tokens() const {
    return static_cast<std::uint32_t>(sequence.tokens.size()) - sequence.prompt_tokens;
  }
};

/// Everything that a client may have got wrong: kInvalidArgument (param set) or kContextLength.
[[nodiscard]] Status check_generate(const GenerateRequest& asked, const RequestLimits& limits);

/// Checks the request as above.
Result<std::unique_ptr<Request>> make_generate(RequestId id, GenerateRequest asked, EventSink sink,
                                               const RequestLimits& limits,
                                               const tokenizer::Tokenizer& tokenizer);
Result<std::unique_ptr<Request>> make_embed(RequestId id, EmbedRequest asked, EmbedSink sink,
                                            const RequestLimits& limits);

/// Takes up the answer after the tokens that the client has: rebuilds the text state from them and asks for
/// the log-probabilities whose text is still held back. Gives the reason if those tokens end the answer
/// already.
std::optional<FinishReason> take_up_delivered(Request& request, const tokenizer::Tokenizer& tokenizer);

/// Adds a sampled token to the answer and to its text. Gives the reason if the answer ends with it.
std::optional<FinishReason> add_token(Request& request, TokenLogprob token,
                                      const tokenizer::Tokenizer& tokenizer);

}  // namespace zswarm::node
