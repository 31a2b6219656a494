// An engine with everything it needs, stepped by the test's own thread. The model is the test's choice.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "kernels/base/team.h"
#include "node/engine/engine.h"
#include "tests/node/support/answer.h"
#include "tests/node/support/hash_model.h"
#include "tests/node/support/word_tokenizer.h"

namespace zswarm::test {

/// A team with its helper threads.
class TeamThreads {
 public:
  explicit TeamThreads(std::size_t size) : team(size) {
    for (std::size_t member = 1; member < size; ++member)
      threads_.emplace_back([this, member] { team.serve(member); });
  }
  ~TeamThreads() {
    team.stop();
    for (auto& thread : threads_) thread.join();
  }
  Team team;

 private:
  std::vector<std::thread> threads_;
};

struct RigOptions {
  std::uint32_t pages = 256;
  std::size_t threads = 1;
  node::EngineOptions engine;
};

/// Engine, KV pages and team around a model and a tokenizer that live longer.
class EngineRig {
 public:
  EngineRig(model::Model& model, const tokenizer::Tokenizer& tokenizer, RigOptions options = {})
      : EngineRig(model, tokenizer, std::make_unique<TeamThreads>(options.threads), nullptr, options) {}
  /// With the team that the model was loaded with.
  EngineRig(model::Model& model, const tokenizer::Tokenizer& tokenizer, Team& team, RigOptions options)
      : EngineRig(model, tokenizer, nullptr, &team, options) {}

  /// Queues a request; a refusal becomes the answer's error.
  std::shared_ptr<Answer> ask(node::GenerateRequest request) {
    auto answer = std::make_shared<Answer>();
    const std::size_t delivered = request.delivered.size();
    last_id = next_id_++;
    const Status status = engine.submit(last_id, std::move(request), collect(answer, delivered));
    if (!status) answer->error = status.error();
    return answer;
  }
  Result<std::vector<float>> embed(std::vector<node::TokenId> tokens) {
    auto result = std::make_shared<Result<std::vector<float>>>(fail(ErrorCode::kInternal, "no answer"));
    const Status status =
        engine.embed(next_id_++, {"", std::move(tokens)}, [result](auto got) { *result = std::move(got); });
    if (!status) return fail(status.error());
    run();
    return *result;
  }
  /// Steps until nothing is left to do.
  void run() {
    while (engine.step()) {
    }
  }
  /// One request alone, to its end.
  std::shared_ptr<Answer> answer(node::GenerateRequest request) {
    auto answer = ask(std::move(request));
    run();
    return answer;
  }

 private:
  EngineRig(model::Model& model, const tokenizer::Tokenizer& tokenizer, std::unique_ptr<TeamThreads> own,
            Team* team, const RigOptions& options)
      : own_team_(std::move(own)),
        cache_(model::KvCache::create(model.config(), model.layers(), options.pages).value()),
        engine("test", model, *cache_, tokenizer, team != nullptr ? *team : own_team_->team, options.engine,
               [] {}) {}

  std::unique_ptr<TeamThreads> own_team_;
  std::unique_ptr<model::KvCache> cache_;
  node::RequestId next_id_ = 1;

 public:
  node::Engine engine;
  node::RequestId last_id = 0;
};

}  // namespace zswarm::test
