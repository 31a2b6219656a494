// Loads the models of a store and serves them, all on one compute thread with one team of helpers.
//
// Several models take turns, step by step: they share the machine's cores instead of fighting for them. run()
// is called by the compute thread, which is member 0 of team(); the other functions come from any thread.
// With nothing to do the thread sleeps.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "kernels/base/team.h"
#include "kernels/model/kv_cache.h"
#include "kernels/model/model.h"
#include "node/client.h"
#include "node/engine/engine.h"
#include "node/model_store.h"

namespace zswarm::node {

struct ComputeOptions {
  std::size_t threads = 1;
  EngineOptions engine;
  std::uint64_t kv_memory_bytes = 0;  // for the KV caches of all models together; 0: see default_kv_bytes()
  std::function<void(std::string_view model, std::uint64_t done_bytes, std::uint64_t total_bytes)> progress;
};

class Compute {
 public:
  /// The store must outlive this.
  Compute(const ModelStore& store, ComputeOptions options);
  ~Compute();

  [[nodiscard]] Team& team() { return team_; }

  /// The engine of a model of the store, by position. kUnavailable while it loads; if loading failed, why.
  [[nodiscard]] Result<Engine*> engine(std::size_t index) const;
  /// All engines that are there.
  [[nodiscard]] std::vector<Engine*> engines() const;
  [[nodiscard]] Readiness readiness() const;
  /// Waits until every model has generated a real token; an error if one could not be loaded, or after
  /// stop().
  [[nodiscard]] Status wait_ready() const;
  /// What a request may use of a model's context here: known before it is loaded.
  [[nodiscard]] std::uint32_t context_tokens(std::size_t index) const {
    return slots_[index]->context_tokens;
  }

  /// Loads, serves, and returns after stop().
  void run();
  /// No new requests from now on. run() returns when those inside have ended, or after `grace_s` seconds:
  /// then it tells the rest. A second call can shorten the grace.
  void stop(double grace_s);

 private:
  struct Slot {
    const StoredModel* stored = nullptr;
    std::uint32_t pages = 0;
    std::uint32_t context_tokens = 0;
    std::unique_ptr<model::Model> model;
    std::unique_ptr<model::KvCache> cache;
    std::unique_ptr<Engine> engine;
    std::atomic<Engine*> serving{nullptr};  // engine.get(), once it has generated a token
  };

  [[nodiscard]] Status load(Slot& slot);
  [[nodiscard]] Status generate_one_token(Slot& slot);
  void serve();
  void ring();
  void wait_for_ring();
  void settle(Readiness readiness, Error failure);

  const ComputeOptions options_;
  Team team_;
  std::vector<std::unique_ptr<Slot>> slots_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool rung_ = false;
  Readiness readiness_ = Readiness::kLoading;
  Error failure_;
  bool stopping_ = false;
  double stop_at_s_ = 0;  // only if stopping_
};

}  // namespace zswarm::node
