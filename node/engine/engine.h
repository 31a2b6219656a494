// Serves one model: continuous batching over a paged KV cache.
//
// submit, embed, cancel, close and stats come from any thread; step() and abort_all() from the engine's
// thread, the one that is member 0 of the team. The engine has no thread of its own: node/node.cpp has one
// that calls step() for all engines in turn, so that several models share one set of compute threads.
//
// One step: take what came in; let the scheduler plan; run the model on all shares together; sample the rows,
// in parallel over the team; tell each client its news. Requests join and leave between steps.
//
// Errors: what a client got wrong is refused by submit(). A step that throws (memory) fails the requests that
// were part of it with kOutOfMemory or kInternal; the others go on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernels/base/team.h"
#include "kernels/model/kv_cache.h"
#include "kernels/model/model.h"
#include "kernels/tokenizer/tokenizer.h"
#include "node/client.h"
#include "node/engine/inbox.h"
#include "node/engine/pacer.h"
#include "node/engine/page_pool.h"
#include "node/engine/request.h"
#include "node/engine/scheduler.h"
#include "node/engine/stats.h"

namespace zswarm::node {

struct EngineOptions {
  std::uint32_t max_running = 32;    // requests computed together
  std::uint32_t max_queued = 256;    // further requests that wait; more are refused with kUnavailable
  std::uint32_t context_tokens = 0;  // limit for prompt and answer; 0: what the model was trained for
  bool prefix_cache = true;
  std::uint32_t prefill_tokens = 0;  // of prompts per step; 0: learned, see pacer.h
  std::function<double()> now_s;     // monotonic; absent: std::chrono::steady_clock
};

class Engine {
 public:
  /// All references must outlive the engine. `wake` is called from any thread when step() has something to
  /// do.
  Engine(std::string id, model::Model& model, model::KvCache& cache, const tokenizer::Tokenizer& tokenizer,
         Team& team, EngineOptions options, std::function<void()> wake);

  /// `id` is unique within the node. See Client::generate for errors and for `sink`.
  Status submit(RequestId id, GenerateRequest asked, EventSink sink);
  Status embed(RequestId id, EmbedRequest asked, EmbedSink sink);
  void cancel(RequestId id) { inbox_.cancel(id); }
  /// Refuses new requests from now on; those inside go on.
  void close(Error reason) { inbox_.close(std::move(reason)); }
  [[nodiscard]] ModelStats stats() const;
  [[nodiscard]] const RequestLimits& limits() const { return limits_; }

  /// Computes one step. False if there was nothing to do: wait for `wake`.
  bool step();
  /// Ends all requests that are inside with `reason`.
  void abort_all(const Error& reason);
  /// Sets all figures back to zero, as if nothing had been asked yet.
  void clear_stats();

 private:
  // A row of the step's result and what becomes of it.
  struct Row {
    Request* request = nullptr;
    std::size_t row = 0;
    std::int32_t score = -1;  // the token whose log-probability is wanted; -1: sample the next one
    sampling::Sampled result;
  };

  void take_inbox();
  void note_plan(const Plan& plan);
  void compute(const Plan& plan);
  void fail_step(const Plan& plan, const Error& reason);
  void collect_rows(const Plan& plan);
  void compute_rows(std::span<float> logits, std::size_t width);
  void deliver_rows();
  void deliver_scores(Request& request);
  void deliver_token(Request& request, sampling::Sampled sampled);
  void pool_hidden(const Plan& plan, std::span<const float> rows, std::size_t width);
  [[nodiscard]] TokenLogprob to_logprob(sampling::Sampled sampled) const;
  void finish(Request& request, FinishReason reason);
  void end_with_error(Request& request, const Error& reason);
  void forget(Request& request);
  void publish_stats();

  model::Model& model_;
  model::KvCache& cache_;
  const tokenizer::Tokenizer& tokenizer_;
  Team& team_;
  const std::function<double()> now_s_;
  RequestLimits limits_;
  PagePool pool_;
  Scheduler scheduler_;
  Pacer pacer_;
  Inbox inbox_;
  std::unordered_map<RequestId, std::unique_ptr<Request>> requests_;  // taken from the inbox
  std::unordered_map<const Sequence*, Request*> by_sequence_;
  std::uint64_t arrivals_ = 0;
  double time_s_ = 0;  // of this step
  ModelStats stats_;   // the working copy
  StatsBoard board_;
  // Kept between steps for their memory.
  std::vector<std::unique_ptr<Request>> arrived_;
  std::vector<RequestId> cancelled_;
  std::vector<model::Slice> slices_;
  std::vector<Row> rows_;
};

}  // namespace zswarm::node
