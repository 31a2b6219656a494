// One entry, and nodes that do what the test says.
#pragma once

#include <gtest/gtest.h>

#include "node/dispatch/entry.h"
#include "tests/node/dispatch/hash_answer.h"

namespace zswarm::test {

inline bus::NodeId node_number(std::uint8_t n) {
  bus::NodeId id;
  id.bytes.fill(n);
  return id;
}

class EntryRig {
 public:
  explicit EntryRig(node::EntryConfig config = {}) : entry(config, random) {}

  static constexpr node::ModelHash kModel{7, 7};
  bus::Random random{1};
  node::Entry entry;
  bus::Time now{std::chrono::seconds(100)};
  // Latest of each kind.
  std::vector<node::StartAttempt> started;
  std::vector<node::AttemptId> stopped;
  std::vector<node::Event> told;
  std::vector<node::TokenId> tokens;
  std::string text;
  std::optional<Error> error;
  std::size_t ends = 0;

  static node::NodeView view(std::uint8_t n, std::uint32_t running = 0, std::uint32_t places = 4) {
    node::NodeView view;
    view.id = node_number(n);
    view.models = {kModel};
    view.hint =
        node::Hint{false, false, 0, {{node::model_key(kModel), running, 0, places, 0, 1000, 50, 1, 100, {}}}};
    return view;
  }
  void nodes(std::initializer_list<std::uint8_t> numbers) {
    std::vector<node::NodeView> views;
    for (const std::uint8_t n : numbers) views.push_back(view(n)), views.back().hint_at = now;
    entry.set_nodes(now, std::move(views));
    take();
  }
  static node::EntryRequest request(std::uint32_t max_tokens = 20) {
    node::EntryRequest request;
    request.model = kModel;
    request.vocab_size = HashAnswer::kVocab;
    request.what.prompt = {1, 2, 3};
    request.what.max_tokens = max_tokens;
    request.deadline = std::chrono::seconds(60);
    return request;
  }
  node::StreamId open(node::EntryRequest asked = request()) {
    auto stream = entry.open(now, std::move(asked));
    take();
    return stream ? *stream : 0;
  }
  /// What an honest node tells of a try, up to `count` tokens. False if it has ended.
  bool serve(const node::StartAttempt& at, std::size_t count) {
    HashAnswer answer(at.what);
    if (at.what.score_prompt) event(at.attempt, answer.scores());
    for (; count > 0 && !answer.ended(); --count) event(at.attempt, answer.step());
    if (!answer.ended()) return true;
    event(at.attempt, answer.finished());
    return false;
  }
  void event(node::AttemptId attempt, node::Event event) {
    entry.on_event(now, attempt, std::move(event));
    take();
  }
  void failed(node::AttemptId attempt, ErrorCode code) {
    entry.on_failed(now, attempt, {code, "it says so", {}});
    take();
  }
  /// Timers up to then are fired at their times.
  void wait(bus::Duration time) {
    const bus::Time end = now + time;
    while (entry.next_timer() <= end) {
      now = std::max(now, entry.next_timer());
      entry.on_timer(now);
      take();
    }
    now = end;
  }
  void take() {
    for (node::EntryEffect& effect : entry.take_effects()) {
      if (auto* start = std::get_if<node::StartAttempt>(&effect)) started.push_back(std::move(*start));
      if (auto* stop = std::get_if<node::StopAttempt>(&effect)) stopped.push_back(stop->attempt);
      if (auto* tell = std::get_if<node::Tell>(&effect)) hear(std::move(tell->event));
    }
  }

 private:
  void hear(node::Event event) {
    EXPECT_EQ(ends, 0u) << "news after the end";
    if (auto* delta = std::get_if<node::Delta>(&event)) {
      EXPECT_EQ(delta->first_token, tokens.size());
      tokens.insert(tokens.end(), delta->tokens.begin(), delta->tokens.end());
      text += delta->text;
    }
    if (auto* said = std::get_if<Error>(&event)) error = *said;
    if (std::holds_alternative<Error>(event) || std::holds_alternative<node::Finished>(event)) ends += 1;
    told.push_back(std::move(event));
  }
};

/// The undisturbed answer.
struct WholeAnswer {
  std::vector<node::TokenId> tokens;
  std::string text;
  explicit WholeAnswer(const node::GenerateRequest& what) {
    HashAnswer answer(what);
    while (!answer.ended()) {
      const node::Delta delta = answer.step();
      tokens.push_back(delta.tokens[0]);
      text += delta.text;
    }
  }
};

}  // namespace zswarm::test
