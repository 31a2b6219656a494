// A node in this process: models, the threads that serve them, and the Client that speaks to it.
//
// The only place that starts threads: one that computes, its helpers, and one that renders chat templates.
// The Client's calls come from any thread; start(), stop() and the destructor from the owner's.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "node/client.h"
#include "node/compute.h"
#include "node/model_store.h"
#include "node/renderer.h"

namespace zswarm::node {

struct NodeOptions {
  std::vector<ModelSource> models;    // the first is the default
  std::filesystem::path models_dir;   // empty: none
  std::size_t threads = 0;            // that compute; 0: one per physical core
  std::uint64_t kv_memory_bytes = 0;  // for the KV caches of all models; 0: a quarter of the memory at most
  ChatProcessOptions chat_process;    // how the child that renders templates is started
  EngineOptions engine;               // limits of each model
  /// While weights are loaded; on the compute thread.
  std::function<void(std::string_view model, std::uint64_t done_bytes, std::uint64_t total_bytes)> progress;
};

class Node final : public Client {
 public:
  /// Opens the files and starts the threads, which load the weights: see wait_ready(). Errors are the
  /// store's.
  static Result<std::unique_ptr<Node>> start(NodeOptions options);
  ~Node() override;  // stop(0)

  /// Waits until every model has generated a real token; an error if one could not be loaded.
  [[nodiscard]] Status wait_ready() const { return compute_.wait_ready(); }
  /// No new requests from now on; those inside may finish within `grace_s`, the rest is told kUnavailable.
  /// Ends all threads.
  void stop(double grace_s);
  /// The open files, in the order of models().
  [[nodiscard]] const ModelStore& store() const { return store_; }
  /// Files of models_dir that cannot be served, and why.
  [[nodiscard]] const std::vector<Error>& skipped() const { return store_.skipped(); }

  Result<RequestId> generate(GenerateRequest request, EventSink sink) override;
  Status embed(EmbedRequest request, EmbedSink sink) override;
  void cancel(RequestId id) override;
  [[nodiscard]] std::vector<ModelCard> models() const override;
  [[nodiscard]] Result<ModelCard> model(std::string_view name) const override;
  [[nodiscard]] std::vector<ModelStats> stats() const override;
  [[nodiscard]] Readiness readiness() const override { return compute_.readiness(); }
  [[nodiscard]] Result<std::vector<TokenId>> tokenize(std::string_view model, std::string_view text,
                                                      bool add_special, bool parse_special) const override;
  [[nodiscard]] Result<std::string> detokenize(std::string_view model,
                                               const std::vector<TokenId>& tokens) const override;
  [[nodiscard]] Result<std::string> token_bytes(std::string_view model, TokenId token) const override;
  Status render(RenderRequest request, RenderSink sink) override;

 private:
  Node(ModelStore store, const NodeOptions& options);
  [[nodiscard]] Status start_threads();

  [[nodiscard]] Result<Engine*> engine(std::string_view model) const;
  [[nodiscard]] Result<std::shared_ptr<const StoredModel>> stored(std::string_view model) const;
  [[nodiscard]] ModelCard card(std::size_t index) const;

  ModelStore store_;
  Compute compute_;
  Renderer renderer_;
  std::atomic<RequestId> next_id_{1};
  struct Threads;
  std::unique_ptr<Threads> threads_;
};

}  // namespace zswarm::node
