#include "node/engine/engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <new>
#include <span>
#include <utility>

#include "kernels/base/error.h"

namespace zswarm::node {

namespace {

double steady_now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

SchedulerLimits scheduler_limits(const EngineOptions& options, std::uint32_t max_step_tokens) {
  SchedulerLimits limits;
  limits.max_step_tokens = max_step_tokens;
  limits.max_running = std::clamp(options.max_running, 1u, std::max(1u, max_step_tokens / 2));
  limits.max_rows = std::min(limits.max_rows, max_step_tokens);
  return limits;
}

RequestLimits request_limits(const model::Config& config, const EngineOptions& options, std::uint32_t pages) {
  RequestLimits limits;
  limits.vocab_size = static_cast<std::int32_t>(config.vocab_size);
  limits.context_tokens = config.context_length;
  if (options.context_tokens > 0)
    limits.context_tokens = std::min(limits.context_tokens, options.context_tokens);
  limits.memory_tokens = pages * kPageTokens;
  return limits;
}

}  // namespace

Engine::Engine(std::string id, model::Model& model, model::KvCache& cache,
               const tokenizer::Tokenizer& tokenizer, Team& team, EngineOptions options,
               std::function<void()> wake)
    : model_(model),
      cache_(cache),
      tokenizer_(tokenizer),
      team_(team),
      now_s_(options.now_s ? options.now_s : steady_now_s),
      limits_(request_limits(model.config(), options, cache.pages())),
      pool_(cache.pages(), options.prefix_cache),
      scheduler_(scheduler_limits(options, model.max_step_tokens()), pool_),
      pacer_(model.max_step_tokens(), options.prefill_tokens),
      inbox_(options.max_running + options.max_queued, std::move(wake)) {
  stats_.id = std::move(id);
  stats_.kv_pages = pool_.size();
  stats_.places = options.max_running;
  board_.set(stats_);
}

Status Engine::submit(RequestId id, GenerateRequest asked, EventSink sink) {
  auto request = make_generate(id, std::move(asked), std::move(sink), limits_, tokenizer_);
  if (!request) return fail(std::move(request.error()));
  (*request)->submitted_s = now_s_();
  return inbox_.put(std::move(*request));
}

Status Engine::embed(RequestId id, EmbedRequest asked, EmbedSink sink) {
  auto request = make_embed(id, std::move(asked), std::move(sink), limits_);
  if (!request) return fail(std::move(request.error()));
  (*request)->submitted_s = now_s_();
  return inbox_.put(std::move(*request));
}

ModelStats Engine::stats() const {
  ModelStats stats = board_.get();
  stats.requests_refused = inbox_.refused();
  stats.waiting += static_cast<std::uint32_t>(inbox_.not_taken());
  return stats;
}

bool Engine::step() {
  time_s_ = now_s_();
  take_inbox();
  const Plan& plan = scheduler_.plan(pacer_.prefill_tokens(scheduler_.decoding()));
  note_plan(plan);
  const bool worked = !plan.shares.empty();
  if (worked) {
    compute(plan);
    stats_.steps += 1;
  }
  publish_stats();
  return worked;
}

void Engine::take_inbox() {
  if (!inbox_.take(arrived_, cancelled_)) return;
  for (auto& arrived : arrived_) {
    Request& request = *arrived;
    stats_.requests += 1;
    request.sequence.arrival = ++arrivals_;
    by_sequence_.emplace(&request.sequence, &request);
    requests_.emplace(request.id, std::move(arrived));
    scheduler_.add(request.sequence);
    if (request.sequence.work == Work::kEmbed) continue;
    if (const auto reason = take_up_delivered(request, tokenizer_)) finish(request, *reason);
  }
  arrived_.clear();
  for (const RequestId id : cancelled_) {
    const auto found = requests_.find(id);
    if (found == requests_.end()) continue;  // it ended in the meantime
    stats_.requests_cancelled += 1;
    end_with_error(*found->second, {ErrorCode::kCancelled, "the request was cancelled", {}});
  }
}

void Engine::note_plan(const Plan& plan) {
  stats_.preemptions += plan.preempted.size();
  for (const Sequence* sequence : plan.admitted) {
    Request& request = *by_sequence_.at(sequence);
    if (request.admitted_s >= 0) continue;  // it was let in before
    request.admitted_s = time_s_;
    observe(stats_.queue_time, time_s_ - request.submitted_s);
  }
}

/// Runs the model on the plan and tells the clients what came of it.
void Engine::compute(const Plan& plan) {
  try {
    slices_.clear();
    std::uint32_t tokens = 0;
    for (const Share& share : plan.shares) {
      const Sequence& sequence = *share.sequence;
      slices_.push_back({std::span<const std::int32_t>(sequence.tokens).subspan(share.first, share.count),
                         share.first, std::span<const PageId>(sequence.pages), share.outputs});
      tokens += share.count;
    }
    const model::StepResult result = model_.forward(slices_, cache_, plan.kind);
    pacer_.observe(tokens, now_s_() - time_s_);
    scheduler_.complete();
    if (plan.kind == model::OutputKind::kHidden) {
      pool_hidden(plan, result.rows, result.row_width);
    } else {
      collect_rows(plan);
      ZS_ASSERT(rows_.empty() || rows_.back().row < result.row_count);
      compute_rows(result.rows, result.row_width);
      deliver_rows();
    }
  } catch (const std::bad_alloc&) {
    fail_step(plan,
              {ErrorCode::kOutOfMemory, "the node ran out of memory while it computed this request", {}});
  } catch (const std::exception& error) {
    fail_step(plan, {ErrorCode::kInternal, "computing this request failed: " + printable(error.what()), {}});
  }
}

void Engine::fail_step(const Plan& plan, const Error& reason) {
  for (const Share& share : plan.shares) {
    const auto found = by_sequence_.find(share.sequence);
    if (found == by_sequence_.end()) continue;  // ended before the step failed
    stats_.requests_failed += 1;
    end_with_error(*found->second, reason);
  }
}

/// Which rows of the step are scored, and which are sampled from. The sequences have moved on already.
void Engine::collect_rows(const Plan& plan) {
  rows_.clear();
  std::size_t first_row = 0;
  for (const Share& share : plan.shares) {
    Sequence& sequence = *share.sequence;
    Request* request = by_sequence_.at(share.sequence);
    const std::uint32_t end = share.first + share.count;
    if (share.outputs == model::Outputs::kAll) {
      for (; sequence.rows_begin < std::min(end, sequence.rows_end); ++sequence.rows_begin) {
        const std::uint32_t position = sequence.rows_begin;
        rows_.push_back({request, first_row + (position - share.first), sequence.tokens[position + 1], {}});
      }
      first_row += share.count;
    } else if (share.outputs == model::Outputs::kLast) {
      first_row += 1;
    }
    if (end == sequence.tokens.size()) rows_.push_back({request, first_row - 1, -1, {}});
  }
}

/// Scores and samples all rows. Each is a pure function of its row and request: it does not matter which
/// thread computes it.
void Engine::compute_rows(std::span<float> logits, std::size_t width) {
  const auto compute_one = [&](Row& row) {
    const Request& request = *row.request;
    const auto& params = std::get<GenerateState>(request.state).asked.sampling;
    const auto values = logits.subspan(row.row * width, width);
    row.result = row.score >= 0
                     ? sampling::score(values, row.score, std::max(params.top_logprobs, 0))
                     : sampling::sample(values, params, request.sequence.tokens, request.answer_tokens());
  };
  if (rows_.size() < 2 || team_.size() < 2) {
    for (Row& row : rows_) compute_one(row);
    return;
  }
  team_.run([&](std::size_t) {
    for (std::size_t i = team_.claim(rows_.size()); i < rows_.size(); i = team_.claim(rows_.size()))
      compute_one(rows_[i]);
  });
}

void Engine::deliver_rows() {
  time_s_ = now_s_();
  for (Row& row : rows_) {
    Request& request = *row.request;
    auto& state = std::get<GenerateState>(request.state);
    if (row.score >= 0) state.scored.push_back(to_logprob(std::move(row.result)));
    if (!request.sequence.wants_rows() && (!state.scored.empty() || state.prompt_scores_due)) {
      // Its last scored row comes before the row that is sampled from.
      const bool more = &row != &rows_.back() && (&row)[1].request == &request && (&row)[1].score >= 0;
      if (!more) deliver_scores(request);
    }
    if (row.score < 0) deliver_token(request, std::move(row.result));
  }
}

void Engine::deliver_scores(Request& request) {
  auto& state = std::get<GenerateState>(request.state);
  if (std::exchange(state.prompt_scores_due, false)) {
    for (TokenLogprob& token : state.scored) token.bytes = tokenizer_.token_bytes(token.token, true);
    state.sink(PromptScored{std::move(state.scored)});
  } else {
    state.text.set_logprobs(std::move(state.scored));
  }
  state.scored.clear();
}

void Engine::deliver_token(Request& request, sampling::Sampled sampled) {
  auto& state = std::get<GenerateState>(request.state);
  if (request.first_token_s < 0) {
    request.first_token_s = time_s_;
    stats_.prompt_tokens += request.sequence.prompt_tokens;
    stats_.cached_tokens += request.sequence.cached_tokens;
    observe(stats_.time_to_first_token, time_s_ - request.submitted_s);
  } else {
    observe(stats_.time_per_token, time_s_ - request.last_token_s);
  }
  request.last_token_s = time_s_;
  stats_.generated_tokens += 1;

  Delta delta;
  delta.first_token = state.told;
  delta.tokens.push_back(sampled.token);
  const auto reason = add_token(request, to_logprob(std::move(sampled)), tokenizer_);
  state.text.take(delta);
  state.told += 1;
  state.sink(std::move(delta));
  if (reason) finish(request, *reason);
}

TokenLogprob Engine::to_logprob(sampling::Sampled sampled) const {
  TokenLogprob token{sampled.token, sampled.logprob, {}, {}};
  token.top.reserve(sampled.top.size());
  for (const auto& candidate : sampled.top) {
    token.top.push_back({candidate.token, candidate.logprob, tokenizer_.token_bytes(candidate.token, true)});
  }
  return token;
}

/// Adds the step's hidden states to the embeddings' sums, position after position, whatever the chunks were.
void Engine::pool_hidden(const Plan& plan, std::span<const float> rows, std::size_t width) {
  std::size_t first_row = 0;
  for (const Share& share : plan.shares) {
    Sequence& sequence = *share.sequence;
    if (share.outputs != model::Outputs::kAll) {
      first_row += share.outputs == model::Outputs::kLast ? 1 : 0;
      continue;
    }
    Request& request = *by_sequence_.at(share.sequence);
    auto& state = std::get<EmbedState>(request.state);
    state.sum.resize(width, 0.0);
    for (; sequence.rows_begin < share.first + share.count; ++sequence.rows_begin) {
      const auto row = rows.subspan((first_row + sequence.rows_begin - share.first) * width, width);
      for (std::size_t i = 0; i < width; ++i) state.sum[i] += static_cast<double>(row[i]);
    }
    first_row += share.count;
    if (sequence.wants_rows()) continue;

    double square = 0;
    for (const double value : state.sum) square += value * value;
    const double scale = square > 0 ? 1 / std::sqrt(square) : 0;  // the mean's factor 1/n falls out
    std::vector<float> embedding(width);
    for (std::size_t i = 0; i < width; ++i) embedding[i] = static_cast<float>(state.sum[i] * scale);
    stats_.prompt_tokens += sequence.prompt_tokens;
    const EmbedSink sink = std::move(state.sink);
    forget(request);
    sink(std::move(embedding));
  }
}

void Engine::finish(Request& request, FinishReason reason) {
  const double now_s = now_s_();
  Finished finished;
  finished.reason = reason;
  finished.prompt_tokens = request.sequence.prompt_tokens;
  finished.cached_tokens = request.sequence.cached_tokens;
  finished.completion_tokens = request.answer_tokens();
  if (request.admitted_s >= 0) {
    finished.queue_s = request.admitted_s - request.submitted_s;
    finished.prefill_s = request.first_token_s - request.admitted_s;
    finished.decode_s = now_s - request.first_token_s;
  }
  const EventSink sink = std::move(std::get<GenerateState>(request.state).sink);
  forget(request);
  sink(finished);
}

void Engine::end_with_error(Request& request, const Error& reason) {
  const auto state = std::move(request.state);
  forget(request);
  if (const auto* generate = std::get_if<GenerateState>(&state)) {
    generate->sink(Error(reason));
  } else {
    std::get<EmbedState>(state).sink(fail(reason));
  }
}

/// Gives back all that the request holds. Before its last event, so that who hears of the end finds the room
/// free.
void Engine::forget(Request& request) {
  scheduler_.remove(request.sequence);
  by_sequence_.erase(&request.sequence);
  inbox_.ended(request.id);
  requests_.erase(request.id);
  publish_stats();
}

void Engine::abort_all(const Error& reason) {
  time_s_ = now_s_();
  take_inbox();
  while (!requests_.empty()) {
    stats_.requests_failed += 1;
    end_with_error(*requests_.begin()->second, reason);
  }
  publish_stats();
}

void Engine::clear_stats() {
  ModelStats fresh;
  fresh.id = stats_.id;
  fresh.kv_pages = stats_.kv_pages;
  fresh.places = stats_.places;
  stats_ = std::move(fresh);
  publish_stats();
}

void Engine::publish_stats() {
  stats_.running = static_cast<std::uint32_t>(scheduler_.running());
  stats_.waiting = static_cast<std::uint32_t>(scheduler_.waiting());
  stats_.kv_pages_used = pool_.used();
  stats_.prefill_tokens_s = pacer_.tokens_per_s();
  board_.set(stats_);
}

}  // namespace zswarm::node
