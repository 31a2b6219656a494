// Decides what the next step computes: who decodes, whose prompt gets a chunk, who is let in, who must give
// way.
//
//   - First come, first served. Sequences wait in order of arrival and are let in from the front only, so
//   nobody is overtaken
//     for ever. All pages for a sequence's present tokens are taken when it is let in; after that it grows
//     page by page.
//   - Every sequence with one token to compute (decoding) is part of each step. What is left of the step's
//   budget goes to prompts, the
//     earliest first, in chunks.
//   - When a sequence needs a page and none is left, the latest arrival gives all of its pages back and waits
//   again at the
//     front. Later its tokens, prompt and answer so far, are computed anew: the same bits, since nothing
//     depends on chunks. The earliest never gives way to another, so it always ends, and then the next one is
//     the earliest.
//   - Before each chunk, whole pages are taken from the prefix cache where it has them, also those that a
//   neighbour has
//     published since. At least the last token is always computed.
//
// Pure bookkeeping: no clock, no thread, no model; the same calls give the same plans. One thread. It
// references sequences that the caller owns and that fit: pages_for(most tokens they can have) must not
// exceed the pool.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "kernels/model/model.h"
#include "node/engine/page_pool.h"
#include "node/engine/sequence.h"

namespace zswarm::node {

struct SchedulerLimits {
  std::uint32_t max_running = 32;       // sequences with pages
  std::uint32_t max_step_tokens = 512;  // more than max_running
  std::uint32_t max_rows = 64;  // output rows of one step beside the decoding ones (a row of logits is big)
};

/// One sequence's part in a step: tokens [first, first + count).
struct Share {
  Sequence* sequence = nullptr;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  model::Outputs outputs = model::Outputs::kLast;
};

struct Plan {
  model::OutputKind kind = model::OutputKind::kLogits;
  std::vector<Share> shares;  // empty only if nothing runs or waits
  std::vector<Sequence*> admitted;
  std::vector<Sequence*> preempted;
};

class Scheduler {
 public:
  Scheduler(SchedulerLimits limits, PagePool& pool);

  /// A new sequence; arrivals grow from call to call.
  void add(Sequence& sequence);
  /// Takes a sequence out, wherever it is, and gives its pages back. A plan that is not completed yet is void
  /// then.
  void remove(Sequence& sequence);

  /// The next step, with at most `prefill_tokens` (at least 1) of prompts. Valid until the next call.
  [[nodiscard]] const Plan& plan(std::uint32_t prefill_tokens);
  /// The step has been computed: moves its sequences on and publishes the pages that became full.
  void complete();

  /// Whether a running sequence generates, so that somebody waits for each step.
  [[nodiscard]] bool decoding() const;
  [[nodiscard]] std::size_t running() const { return running_.size(); }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

 private:
  void grow_running();
  void admit_waiting();
  [[nodiscard]] bool admit(Sequence& sequence);
  void take_cached_pages(Sequence& sequence);
  void give_back_pages(Sequence& sequence);
  [[nodiscard]] Work choose_work();
  void share_out(Work work, std::uint32_t prefill_tokens);
  [[nodiscard]] Share chunk(Sequence& sequence, std::uint32_t tokens, std::uint32_t rows);

  const SchedulerLimits limits_;
  PagePool& pool_;
  std::vector<Sequence*> running_;  // by arrival; all of them earlier than all that wait
  std::deque<Sequence*> waiting_;   // by arrival
  Work last_work_ = Work::kEmbed;
  Plan plan_;
};

}  // namespace zswarm::node
