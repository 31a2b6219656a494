#include "node/dispatch/event_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernels/base/utf8.h"

namespace zswarm::node {

namespace {

tl::unexpected<Error> breach(std::string what) {
  return fail(ErrorCode::kCorrupt, "the node's answer cannot be right: " + std::move(what));
}

bool is_token(const Told& told, TokenId token) {
  return token >= 0 && (!told.vocab_size || token < *told.vocab_size);
}

/// The token at a number of the answer, with those of the delta.
TokenId token_at(const Told& told, const Delta& news, std::size_t number) {
  const auto& before = told.what.delivered;
  return number < before.size() ? before[number] : news.tokens[number - before.size()];
}

/// They belong to the answer's tokens, in order, and never run ahead of them.
Status check_logprobs(const Told& told, const Delta& news) {
  if (news.logprobs.empty()) return {};
  if (told.what.sampling.top_logprobs < 0) return breach("it has log-probabilities that nobody asked for");
  if (!told.logprobs) return {};
  const std::size_t tokens = told.what.delivered.size() + news.tokens.size();
  if (*told.logprobs + news.logprobs.size() > tokens)
    return breach("it has more log-probabilities than tokens");
  for (std::size_t i = 0; i < news.logprobs.size(); ++i)
    if (news.logprobs[i].token != token_at(told, news, *told.logprobs + i))
      return breach("a log-probability belongs to another token");
  return {};
}

bool is_time(double s) {
  return std::isfinite(s) && s >= 0;
}

}  // namespace

Status check_scored(const Told& told, const PromptScored& news) {
  if (!told.scores_due) return breach("it scores a prompt that it was not asked to score");
  if (news.tokens.size() + 1 != told.what.prompt.size()) return breach("it scores another number of tokens");
  for (std::size_t i = 0; i < news.tokens.size(); ++i)
    if (news.tokens[i].token != told.what.prompt[i + 1])
      return breach("it scores other tokens than the prompt's");
  return {};
}

Status check_delta(const Told& told, const Delta& news) {
  if (told.scores_due) return breach("tokens come before the scores of the prompt");
  const std::size_t next = told.what.delivered.size();
  if (news.first_token != next)
    return breach(fmt::format("token {} comes where token {} is due", news.first_token, next));
  if (news.tokens.empty()) return breach("a delta has no tokens");
  if (told.what.max_tokens && next + news.tokens.size() > *told.what.max_tokens)
    return breach("it is longer than asked for");
  if (!std::all_of(news.tokens.begin(), news.tokens.end(),
                   [&](TokenId token) { return is_token(told, token); }))
    return breach("a token is not in the vocabulary");
  if (!utf8::is_valid(news.text)) return breach("its text is not UTF-8");
  return check_logprobs(told, news);
}

Status check_finished(const Told& told, const Finished& news) {
  const GenerateRequest& what = told.what;
  if (told.scores_due) return breach("it ends before the scores of the prompt");
  if (news.completion_tokens != what.delivered.size())
    return breach(
        fmt::format("it ends with {} tokens after {}", news.completion_tokens, what.delivered.size()));
  if (what.delivered.empty()) return breach("it ends before the first token");
  if (news.prompt_tokens != what.prompt.size() ||
      news.cached_tokens > std::uint64_t{news.prompt_tokens} + what.delivered.size())
    return breach("it counts the prompt's tokens wrongly");
  if (news.reason == FinishReason::kLength && what.max_tokens && news.completion_tokens != *what.max_tokens)
    return breach("it says that the length was reached, which it was not");
  if (!is_time(news.queue_s) || !is_time(news.prefill_s) || !is_time(news.decode_s))
    return breach("its times are no times");
  return {};
}

}  // namespace zswarm::node
