#include "node/engine/scheduler.h"

#include <algorithm>
#include <span>

#include "kernels/base/error.h"

namespace zswarm::node {

Scheduler::Scheduler(SchedulerLimits limits, PagePool& pool) : limits_(limits), pool_(pool) {
  ZS_ASSERT(limits.max_running >= 1 && limits.max_step_tokens > limits.max_running && limits.max_rows >= 1);
  running_.reserve(limits.max_running);
}

void Scheduler::add(Sequence& sequence) {
  ZS_ASSERT(sequence.remaining() > 0 && pages_for(sequence.tokens.size()) <= pool_.size());
  ZS_ASSERT(waiting_.empty() || waiting_.back()->arrival < sequence.arrival);
  waiting_.push_back(&sequence);
}

void Scheduler::remove(Sequence& sequence) {
  const auto running = std::find(running_.begin(), running_.end(), &sequence);
  if (running != running_.end()) {
    running_.erase(running);
  } else {
    const auto waiting = std::find(waiting_.begin(), waiting_.end(), &sequence);
    ZS_ASSERT(waiting != waiting_.end());
    waiting_.erase(waiting);
  }
  give_back_pages(sequence);
}

bool Scheduler::decoding() const {
  return std::any_of(running_.begin(), running_.end(), [](const Sequence* sequence) {
    return sequence->work == Work::kGenerate && sequence->remaining() == 1;
  });
}

const Plan& Scheduler::plan(std::uint32_t prefill_tokens) {
  ZS_ASSERT(prefill_tokens >= 1);
  plan_.shares.clear();
  plan_.admitted.clear();
  plan_.preempted.clear();
  grow_running();
  if (plan_.preempted.empty()) admit_waiting();
  if (running_.empty()) return plan_;
  const Work work = choose_work();
  plan_.kind = work == Work::kEmbed ? model::OutputKind::kHidden : model::OutputKind::kLogits;
  share_out(work, prefill_tokens);
  return plan_;
}

/// Gives every running sequence the pages for its tokens; the latest arrivals pay for it.
void Scheduler::grow_running() {
  for (std::size_t i = 0; i < running_.size(); ++i) {
    Sequence& sequence = *running_[i];
    while (sequence.pages.size() < pages_for(sequence.tokens.size())) {
      if (const auto page = pool_.allocate()) {
        sequence.pages.push_back(*page);
        continue;
      }
      Sequence* latest = running_.back();
      ZS_ASSERT(running_.size() > 1);  // alone, a sequence fits: see the class comment
      running_.pop_back();
      give_back_pages(*latest);
      latest->preemptions += 1;
      waiting_.push_front(latest);
      plan_.preempted.push_back(latest);
      if (latest == &sequence) return;
    }
  }
}

void Scheduler::admit_waiting() {
  while (!waiting_.empty() && running_.size() < limits_.max_running && admit(*waiting_.front())) {
    running_.push_back(waiting_.front());
    plan_.admitted.push_back(waiting_.front());
    waiting_.pop_front();
  }
}

/// Takes all pages for the sequence's tokens, or none. Each running sequence may soon want one more, so as
/// many stay free.
bool Scheduler::admit(Sequence& sequence) {
  take_cached_pages(sequence);
  const auto found = static_cast<std::uint32_t>(sequence.pages.size());
  const std::uint32_t missing = pages_for(sequence.tokens.size()) - found;
  if (missing + running_.size() > pool_.available()) {
    give_back_pages(sequence);
    if (sequence.preemptions == 0) sequence.cached_tokens = 0;
    return false;
  }
  for (std::uint32_t i = 0; i < missing; ++i) sequence.pages.push_back(pool_.allocate().value());
  return true;
}

/// Moves on over whole pages that somebody else has computed, as long as the sequence stands at the beginning
/// of a page.
void Scheduler::take_cached_pages(Sequence& sequence) {
  if (sequence.work == Work::kEmbed || !pool_.sharing()) return;
  const std::span<const std::int32_t> tokens(sequence.tokens);
  while (sequence.computed == sequence.published * kPageTokens && sequence.remaining() > kPageTokens) {
    if (sequence.wants_rows() && sequence.computed + kPageTokens > sequence.rows_begin) return;
    const std::uint32_t index = sequence.published;
    const auto parent = index == 0 ? std::nullopt : std::optional<PageId>(sequence.pages[index - 1]);
    const auto page = pool_.find(parent, tokens.subspan(sequence.computed, kPageTokens));
    if (!page) return;
    if (index < sequence.pages.size()) {
      pool_.release({&sequence.pages[index], 1});
      sequence.pages[index] = *page;
    } else {
      sequence.pages.push_back(*page);
    }
    sequence.published += 1;
    sequence.computed += kPageTokens;
    if (sequence.preemptions == 0) {
      sequence.cached_tokens = std::min(sequence.cached_tokens + kPageTokens, sequence.prompt_tokens);
    }
  }
}

void Scheduler::give_back_pages(Sequence& sequence) {
  pool_.release(sequence.pages);
  sequence.pages.clear();
  sequence.computed = sequence.published = 0;
}

/// Generations and embeddings want different rows and cannot share a step: they take turns.
Work Scheduler::choose_work() {
  const Work other = last_work_ == Work::kGenerate ? Work::kEmbed : Work::kGenerate;
  const bool any_other = std::any_of(running_.begin(), running_.end(),
                                     [&](const Sequence* sequence) { return sequence->work == other; });
  if (any_other) last_work_ = other;
  return last_work_;
}

void Scheduler::share_out(Work work, std::uint32_t prefill_tokens) {
  std::uint32_t decoding = 0;
  for (Sequence* sequence : running_) {
    if (sequence->work != work || sequence->remaining() != 1) continue;
    plan_.shares.push_back(chunk(*sequence, 1, 1));
    ++decoding;
  }
  std::uint32_t tokens = std::min(prefill_tokens, limits_.max_step_tokens - decoding);
  // Rows of hidden states are small: the budget of tokens is limit enough.
  std::uint32_t rows = work == Work::kEmbed ? tokens : limits_.max_rows;
  for (Sequence* sequence : running_) {
    if (tokens == 0) break;
    if (sequence->work != work || sequence->remaining() <= 1) continue;
    take_cached_pages(*sequence);
    const Share share = chunk(*sequence, tokens, rows);
    if (share.count == 0) continue;
    if (share.outputs == model::Outputs::kAll) rows -= std::min(rows, share.count);
    tokens -= share.count;
    plan_.shares.push_back(share);
  }
}

/// The next at most `tokens` of a sequence, with at most `rows` output rows (of which the last token's is not
/// counted).
Share Scheduler::chunk(Sequence& sequence, std::uint32_t tokens, std::uint32_t rows) {
  Share share{&sequence, sequence.computed, std::min(tokens, sequence.remaining()), model::Outputs::kNone};
  const std::uint32_t end = share.first + share.count;
  if (sequence.wants_rows() && end > sequence.rows_begin) {
    if (share.first < sequence.rows_begin) {
      share.count = sequence.rows_begin - share.first;  // without rows up to where they are wanted
    } else {
      share.count = std::min(share.count, rows);
      share.outputs = model::Outputs::kAll;
    }
  } else if (share.count == sequence.remaining()) {
    share.outputs = model::Outputs::kLast;
  } else if (end % kPageTokens != 0 && end / kPageTokens > share.first / kPageTokens) {
    share.count -= end % kPageTokens;  // end with a page, so that the prefix cache can go on from there
  }
  return share;
}

void Scheduler::complete() {
  for (const Share& share : plan_.shares) {
    Sequence& sequence = *share.sequence;
    sequence.computed = share.first + share.count;
    if (sequence.work == Work::kEmbed || !pool_.sharing()) continue;
    const std::span<const std::int32_t> tokens(sequence.tokens);
    for (; (sequence.published + 1) * kPageTokens <= sequence.computed; ++sequence.published) {
      const std::uint32_t index = sequence.published;
      const auto parent = index == 0 ? std::nullopt : std::optional<PageId>(sequence.pages[index - 1]);
      PageId& page = sequence.pages[index];
      page = pool_.publish(page, parent, tokens.subspan(index * kPageTokens, kPageTokens));
    }
  }
}

}  // namespace zswarm::node
