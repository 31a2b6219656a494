#include "node/engine/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kernels/base/utf8.h"

namespace zswarm::node {

namespace {

Status check_tokens(const std::vector<TokenId>& tokens, std::int32_t vocab_size, const char* param) {
  for (const TokenId token : tokens) {
    if (token >= 0 && token < vocab_size) continue;
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("token id {} is not in the vocabulary, which has ids 0 to {}", token, vocab_size - 1),
        param);
  }
  return {};
}

Status check_stops(const std::vector<std::string>& stops) {
  if (stops.size() > RequestLimits::kMaxStops) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("at most {} stop strings are allowed, got {}", RequestLimits::kMaxStops, stops.size()),
        "stop");
  }
  for (const std::string& stop : stops) {
    if (stop.empty() || stop.size() > RequestLimits::kMaxStopBytes || !utf8::is_valid(stop)) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("a stop string must be UTF-8 of 1 to {} bytes", RequestLimits::kMaxStopBytes),
                  "stop");
    }
  }
  return {};
}

/// `answer` tokens at least are wanted after the prompt.
Status check_length(std::size_t prompt, std::uint64_t answer, const RequestLimits& limits) {
  if (prompt + answer <= limits.usable_tokens()) return {};
  if (limits.context_tokens <= limits.memory_tokens) {
    return fail(ErrorCode::kContextLength,
                fmt::format("this model's context holds {} tokens, but {} were asked for ({} in the prompt, "
                            "{} for the answer): "
                            "shorten the prompt or ask for fewer tokens",
                            limits.context_tokens, prompt + answer, prompt, answer));
  }
  return fail(ErrorCode::kContextLength, fmt::format("the memory limit of this node's KV cache leaves room "
                                                     "for {} tokens, but {} were asked for ({} in the "
                                                     "prompt, {} for the answer): shorten the prompt, ask "
                                                     "for fewer tokens or start the node with more memory",
                                                     limits.memory_tokens, prompt + answer, prompt, answer));
}

}  // namespace

Status check_generate(const GenerateRequest& asked, const RequestLimits& limits) {
  if (asked.prompt.empty())
    return fail(ErrorCode::kInvalidArgument, "the prompt is empty: give at least one token", "prompt");
  if (asked.max_tokens && *asked.max_tokens < 1) {
    return fail(ErrorCode::kInvalidArgument, "max_tokens must be at least 1", "max_tokens");
  }
  const std::uint64_t answer = std::max<std::uint64_t>(asked.max_tokens.value_or(1), asked.delivered.size());
  if (asked.max_tokens && asked.delivered.size() > *asked.max_tokens) {
    return fail(ErrorCode::kInvalidArgument, "more tokens were delivered than max_tokens allows",
                "delivered");
  }
  if (auto ok = check_length(asked.prompt.size(), answer, limits); !ok) return ok;
  if (auto ok = check_tokens(asked.prompt, limits.vocab_size, "prompt"); !ok) return ok;
  if (auto ok = check_tokens(asked.delivered, limits.vocab_size, "delivered"); !ok) return ok;
  if (auto ok = check_stops(asked.stop); !ok) return ok;
  return sampling::validate(asked.sampling, limits.vocab_size);
}

Result<std::unique_ptr<Request>> make_generate(RequestId id, GenerateRequest asked, EventSink sink,
                                               const RequestLimits& limits,
                                               const tokenizer::Tokenizer& tokenizer) {
  if (auto ok = check_generate(asked, limits); !ok) return fail(ok.error());
  const auto prompt_tokens = static_cast<std::uint32_t>(asked.prompt.size());
  Sequence sequence;
  sequence.work = Work::kGenerate;
  sequence.prompt_tokens = prompt_tokens;
  sequence.tokens = std::move(asked.prompt);
  sequence.tokens.insert(sequence.tokens.end(), asked.delivered.begin(), asked.delivered.end());
  const bool scores = asked.score_prompt && asked.delivered.empty();
  if (scores) sequence.rows_end = prompt_tokens - 1;
  TextOutput text(tokenizer, asked.stop, asked.sampling.top_logprobs >= 0, asked.own_text);
  const std::uint32_t max_tokens = asked.max_tokens.value_or(limits.usable_tokens() - prompt_tokens);
  GenerateState state{std::move(asked), std::move(sink), std::move(text), max_tokens, 0, {}, scores};
  return std::make_unique<Request>(Request{id, std::move(sequence), std::move(state)});
}

Result<std::unique_ptr<Request>> make_embed(RequestId id, EmbedRequest asked, EmbedSink sink,
                                            const RequestLimits& limits) {
  if (asked.tokens.empty())
    return fail(ErrorCode::kInvalidArgument, "the input is empty: give at least one token", "input");
  if (auto ok = check_length(asked.tokens.size(), 0, limits); !ok) return fail(ok.error());
  if (auto ok = check_tokens(asked.tokens, limits.vocab_size, "input"); !ok) return fail(ok.error());
  Sequence sequence;
  sequence.work = Work::kEmbed;
  sequence.prompt_tokens = sequence.rows_end = static_cast<std::uint32_t>(asked.tokens.size());
  sequence.tokens = std::move(asked.tokens);
  return std::make_unique<Request>(Request{id, std::move(sequence), EmbedState{std::move(sink), {}}});
}

namespace {

/// The token's part in the text, and whether the answer ends with it.
std::optional<FinishReason> show_token(GenerateState& state, TokenLogprob token, std::uint32_t answer_tokens,
                                       const tokenizer::Tokenizer& tokenizer) {
  if (!state.asked.ignore_eos && tokenizer.ends_generation(token.token)) {
    state.text.finish();
    return FinishReason::kStop;
  }
  if (!state.text.push(std::move(token))) return FinishReason::kStop;
  if (answer_tokens < state.max_tokens) return std::nullopt;
  state.text.finish();
  return FinishReason::kLength;
}

}  // namespace

std::optional<FinishReason> take_up_delivered(Request& request, const tokenizer::Tokenizer& tokenizer) {
  auto& state = std::get<GenerateState>(request.state);
  Delta already_told;
  for (const TokenId token : state.asked.delivered) {
    state.told += 1;
    const auto reason = show_token(state, {token, 0, {}, {}}, state.told, tokenizer);
    state.text.take(already_told);
    if (reason) return reason;
  }
  // Row p scores token p + 1.
  Sequence& sequence = request.sequence;
  if (state.told > 0 && state.asked.sampling.top_logprobs >= 0) {
    sequence.rows_end = static_cast<std::uint32_t>(sequence.tokens.size()) - 1;
    sequence.rows_begin = sequence.rows_end - static_cast<std::uint32_t>(state.text.pending());
  }
  return std::nullopt;
}

std::optional<FinishReason> add_token(Request& request, TokenLogprob token,
                                      const tokenizer::Tokenizer& tokenizer) {
  auto& state = std::get<GenerateState>(request.state);
  request.sequence.tokens.push_back(token.token);
  return show_token(state, std::move(token), request.answer_tokens(), tokenizer);
}

}  // namespace zswarm::node
