// A node::Client that plays a script instead of a model: for tests of everything above the engine.
//
// Its tokens are bytes (0 to 255) and three special ones. It keeps the contract of node/client.h: events come
// from a thread of its own, in order, each accepted request ends once. Times and answers are set by the test
// before requests come.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "node/client.h"

namespace zswarm::test {

inline constexpr node::TokenId kBos = 256, kEos = 257, kImStart = 258;
inline constexpr std::int32_t kVocab = 300;

struct Script {
  /// The whole text that a request is answered with, before max_tokens and stop.
  std::function<std::string(const node::GenerateRequest&)> answer;
  std::chrono::microseconds per_token{0};
  std::size_t queue = 64;  // requests at once; more are refused with kUnavailable
  std::uint32_t context_length = 4096;
  std::size_t fail_after_tokens = SIZE_MAX;  // then the request ends with Error{kInternal}
};

class ScriptedClient final : public node::Client {
 public:
  explicit ScriptedClient(Script script = {});
  ~ScriptedClient() override;

  Result<node::RequestId> generate(node::GenerateRequest request, node::EventSink sink) override;
  Status embed(node::EmbedRequest request, node::EmbedSink sink) override;
  void cancel(node::RequestId id) override;
  std::vector<node::ModelCard> models() const override;
  Result<node::ModelCard> model(std::string_view name) const override;
  std::vector<node::ModelStats> stats() const override;
  node::Readiness readiness() const override;
  Result<std::vector<node::TokenId>> tokenize(std::string_view model, std::string_view text, bool add_special,
                                              bool parse_special) const override;
  Result<std::string> detokenize(std::string_view model,
                                 const std::vector<node::TokenId>& tokens) const override;
  Result<std::string> token_bytes(std::string_view model, node::TokenId token) const override;
  Status render(node::RenderRequest request, node::RenderSink sink) override;

  // For tests.
  void set_readiness(node::Readiness readiness);
  [[nodiscard]] std::vector<node::GenerateRequest> seen() const;
  [[nodiscard]] std::string last_context() const;
  [[nodiscard]] std::size_t running() const;
  [[nodiscard]] std::size_t cancelled() const;
  /// Waits until `condition` (called under the lock's protection, on every change) or the deadline.
  [[nodiscard]] bool wait_for(const std::function<bool()>& condition,
                              std::chrono::milliseconds deadline) const;

 private:
  struct Job {
    node::GenerateRequest request;
    node::EventSink sink;
    std::string text;      // what will become visible
    std::size_t done = 0;  // tokens emitted
    bool stopped = false;  // text ended by itself or by a stop string
    bool scored = false;
    bool cancelled = false;
    std::chrono::steady_clock::time_point due;
  };
  void serve();
  bool step(node::RequestId id, Job& job, std::vector<std::function<void()>>& calls);
  [[nodiscard]] node::TokenLogprob logprob(const node::GenerateRequest& request, unsigned char byte) const;

  const Script script_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::map<node::RequestId, Job> jobs_;
  std::deque<std::function<void()>> calls_;  // for the thread: templates, embeddings
  node::RequestId next_id_ = 1;
  std::vector<node::GenerateRequest> seen_;
  std::string last_context_;
  std::size_t cancelled_ = 0;
  node::Readiness readiness_ = node::Readiness::kReady;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace zswarm::test
