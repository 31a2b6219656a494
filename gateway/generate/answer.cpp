#include "gateway/generate/answer.h"

#include <fmt/format.h>
#include <sodium.h>

#include <chrono>

#include "gateway/generate/generation.h"
#include "gateway/openai/generation_fields.h"

namespace zswarm::gateway {
namespace {

ApiError halted_error(Generation::Halt reason) {
  ApiError error{.status = 503, .type = "server_error"};
  switch (reason) {
    case Generation::Halt::kStopping:
      error.message = "The server is stopping.";
      error.code = "stopping";
      break;
    case Generation::Halt::kTooSlow:
      error.message = "The answer was read too slowly and was broken off.";
      error.code = "too_slow";
      break;
    default:
      error.message = "The client has left.";
      error.code = "cancelled";
  }
  return error;
}

// What is known of an HTTP answer so far. Knows nothing of sockets.
class Progress {
 public:
  Progress(const AnswerPlan& plan, AnswerFormat& format)
      : plan_(plan), format_(format), states_(plan.requests.size()) {
    for (const auto& prompt : plan.prompts) usage_.prompt_tokens += prompt.tokens;
  }

  struct State {
    bool opened = false;
    Choice choice;
  };

  [[nodiscard]] Usage usage() const { return usage_; }

  // Logprobs gathered for a whole answer: tokens and their alternatives.
  [[nodiscard]] std::uint64_t held_entries() const { return held_entries_; }

  // The chunks (server-sent events) that `news` makes; without streaming, collects it instead. An Error is
  // not for here.
  std::string take(const Generation::News& news) {
    std::string out;
    if (const auto* scored = std::get_if<node::PromptScored>(&news.event)) {
      open(news.index, scored, out);
      if (plan_.score_only) finish(news.index, node::FinishReason::kLength, out);
    } else if (const auto* delta = std::get_if<node::Delta>(&news.event)) {
      open(news.index, nullptr, out);
      // A prompt of one token has no scores: then the first token, which nobody asked for, says that it was
      // read.
      if (plan_.score_only) {
        finish(news.index, node::FinishReason::kLength, out);
      } else {
        add(news.index, *delta, out);
      }
    } else if (const auto* finished = std::get_if<node::Finished>(&news.event)) {
      open(news.index, nullptr, out);
      if (!plan_.score_only) usage_.completion_tokens += finished->completion_tokens;
      if (news.index % plan_.choices == 0) usage_.cached_tokens += finished->cached_tokens;
      finish(news.index, finished->reason, out);
    }
    return out;
  }

  [[nodiscard]] std::string whole() {
    std::vector<Choice> choices;
    choices.reserve(states_.size());
    for (auto& state : states_) choices.push_back(std::move(state.choice));
    return format_.whole(choices, usage_);
  }

 private:
  void open(std::size_t index, const node::PromptScored* scored, std::string& out) {
    State& state = states_[index];
    if (state.opened) return;
    state.opened = true;
    std::optional<EchoedPrompt> echoed = plan_.prompts[index / plan_.choices].echoed;
    if (echoed && scored)
      echoed->tokens.insert(echoed->tokens.end(), scored->tokens.begin(), scored->tokens.end());
    if (plan_.stream) {
      put(format_.opening(index, echoed ? &*echoed : nullptr), out);
    } else {
      if (echoed) held_entries_ += entries_in(echoed->tokens);
      state.choice.echoed = std::move(echoed);
    }
  }

  void add(std::size_t index, const node::Delta& delta, std::string& out) {
    Choice& choice = states_[index].choice;
    if (plan_.stream) {
      if (!delta.text.empty() || !delta.logprobs.empty())
        put(format_.delta(index, delta.text, delta.logprobs), out);
      return;
    }
    choice.text += delta.text;
    held_entries_ += entries_in(delta.logprobs);
    choice.logprobs.insert(choice.logprobs.end(), delta.logprobs.begin(), delta.logprobs.end());
  }

  void finish(std::size_t index, node::FinishReason reason, std::string& out) {
    states_[index].choice.reason = reason;
    if (plan_.stream) put(format_.closing(index, reason), out);
  }

  static std::uint64_t entries_in(const std::vector<node::TokenLogprob>& tokens) {
    std::uint64_t entries = 0;
    for (const auto& token : tokens) entries += 1 + token.top.size();
    return entries;
  }

  static void put(const std::string& chunk, std::string& out) {
    if (!chunk.empty()) out += event(chunk);
  }

  const AnswerPlan& plan_;
  AnswerFormat& format_;
  std::vector<State> states_;
  Usage usage_;
  std::uint64_t held_entries_ = 0;
};

using Outcome = std::optional<ApiError>;  // why an answer broke off

// Takes the news that is there, without waiting, and appends its chunks to `out`: about one piece of writing,
// so that a stream that fell behind does not keep the loop from the others while it catches up.
Outcome take_ready(const Context& context, Generation& generation, Progress& progress, const AnswerPlan& plan,
                   std::optional<Generation::News> news, std::string& out) {
  while (news) {
    if (const auto* error = std::get_if<Error>(&news->event)) return from_node(*error);
    out += progress.take(*news);
    if (plan.score_only) generation.finish(news->index);
    if (out.size() >= context.limits.write_piece_bytes) break;
    news = generation.next_if_ready();
  }
  return std::nullopt;
}

asio::awaitable<std::optional<Response>> answer_whole(Context& context, Generation& generation,
                                                      Progress& progress, const AnswerPlan& plan) {
  std::string unused;
  for (;;) {
    std::optional<Generation::News> news = co_await generation.next();
    if (!news) break;
    if (const Outcome broken = take_ready(context, generation, progress, plan, std::move(news), unused))
      co_return error_response(*broken);
    if (progress.held_entries() > context.limits.logprob_entries)
      co_return error_response(too_many_logprobs());
  }
  if (generation.halted() != Generation::Halt::kNone)
    co_return error_response(halted_error(generation.halted()));
  const bool heavy = progress.held_entries() > context.limits.inline_entries;
  std::function<std::string()> compute = [&progress] { return progress.whole(); };
  co_return json_response(co_await offload(context, heavy, std::move(compute)));
}

asio::awaitable<std::optional<Response>> answer_stream(const Context& context, Exchange& exchange,
                                                       Generation& generation, Progress& progress,
                                                       const AnswerPlan& plan, AnswerFormat& format) {
  bool begun = false;
  Outcome broken;
  while (!broken) {
    std::optional<Generation::News> news = co_await generation.next();
    if (!news) break;
    std::string chunks;
    broken = take_ready(context, generation, progress, plan, std::move(news), chunks);
    // An error before the first chunk can still have its own status.
    if (broken && !begun && chunks.empty()) co_return error_response(*broken);
    if (chunks.empty()) continue;
    if (!begun) {
      begun = true;
      if (!co_await exchange.begin_events()) co_return std::nullopt;
    }
    if (!co_await exchange.send_events(std::move(chunks))) co_return std::nullopt;
  }
  if (!broken && generation.halted() != Generation::Halt::kNone) broken = halted_error(generation.halted());
  if (broken && !begun) co_return error_response(*broken);
  std::string last;
  if (broken) {
    last = event(error_body(*broken));
    exchange.close_after();
  } else {
    if (plan.include_usage) last = event(format.usage_chunk(progress.usage()));
    last += event("[DONE]");
  }
  if (co_await exchange.send_events(std::move(last))) co_await exchange.end_events();
  co_return std::nullopt;
}

}  // namespace

asio::awaitable<std::optional<Response>> run_answer(Context& context, Exchange& exchange, AnswerPlan plan,
                                                    std::unique_ptr<AnswerFormat> format) {
  // Each answer of a request has its own way; the first bears the request's name.
  for (std::size_t i = 0; i < plan.requests.size(); ++i)
    plan.requests[i].request_id = exchange.request().id + (i == 0 ? std::string() : fmt::format("-{}", i));
  Progress progress(plan, *format);
  Generation generation(context, std::move(plan.requests));
  if (const Status started = generation.start(); !started)
    co_return error_response(from_node(started.error()));
  if (context.stopping) generation.halt(Generation::Halt::kStopping);
  std::function<void()> on_gone = [&generation] { generation.halt(Generation::Halt::kClientGone); };
  exchange.watch_client(std::move(on_gone));
  std::optional<Response> response;
  if (plan.stream) {
    response = co_await answer_stream(context, exchange, generation, progress, plan, *format);
  } else {
    response = co_await answer_whole(context, generation, progress, plan);
  }
  exchange.unwatch_client();
  if (generation.halted() == Generation::Halt::kClientGone) ++context.metrics.clients_gone;
  co_return response;
}

std::string random_id(std::string_view prefix) {
  static constexpr std::string_view kLetters =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string id(prefix);
  for (int i = 0; i < 24; ++i)
    id += kLetters[randombytes_uniform(static_cast<std::uint32_t>(kLetters.size()))];
  return id;
}

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  randombytes_buf(&seed, sizeof(seed));
  return seed;
}

std::int64_t unix_now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace zswarm::gateway
