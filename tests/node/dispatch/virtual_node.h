// A node of a simulation: an engine with places, prefill one prompt after the other, a prefix cache and
// hints, honest or not.
//
// It hands out what it says through a function that the world gives it; a world that kills or freezes it
// decides what becomes of that.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>

#include "bus/base/random.h"
#include "node/dispatch/entry.h"
#include "tests/node/dispatch/hash_answer.h"
#include "tests/node/dispatch/virtual_clock.h"

namespace zswarm::test {

enum class Conduct : std::uint8_t {
  kHonest,
  kBoasts,   // its hints say that it is idle, fast and has everything cached
  kGarbles,  // now and then its answers cannot be right
  kRefuses,  // says that requests are wrong
  kSilent,   // its engine works, says every beat, and no token comes
};

struct Said {
  std::uint64_t call;
  std::variant<node::Progress, node::Event> news;
};

class VirtualNode {
 public:
  static constexpr std::size_t kQueueMax = 16;
  struct Speed {
    double prefill_tps = 4000, decode_tps = 50;
    std::uint32_t places = 4;
  };

  VirtualNode(VirtualClock& clock, Speed speed, Conduct conduct, std::uint64_t seed,
              std::function<void(Said)> say)
      : clock_(clock), speed_(speed), conduct_(conduct), random_(seed), say_(std::move(say)) {}

  void start(std::uint64_t call, const node::ModelHash& model, node::GenerateRequest what) {
    if (conduct_ == Conduct::kRefuses)
      return say_({call, Error{ErrorCode::kInvalidArgument, "it is not to my liking", "prompt"}});
    if (running_ >= speed_.places && waiting_.size() >= kQueueMax)
      return say_({call, Error{ErrorCode::kUnavailable, "the queue is full", {}}});
    Work& work = works_.try_emplace(call, Work{what, HashAnswer(what), node::page_chain(model, what.prompt)})
                     .first->second;
    (void)work;
    waiting_.push_back(call);
    admit();
    if (works_.contains(call)) beat(call);
  }
  void stop(std::uint64_t call) {
    const auto at = works_.find(call);
    if (at != works_.end()) forget(at);
  }

  [[nodiscard]] node::Hint hint(const node::ModelHash& model) const {
    node::ModelLoad load;
    load.model = node::model_key(model);
    load.places = speed_.places;
    load.prefill_tps = speed_.prefill_tps;
    load.decode_tps = speed_.decode_tps;
    std::vector<node::CachedPage> pages;
    for (const auto& [chain, index] : cached_) pages.push_back({chain, index});
    load.cached = node::make_digest(pages);
    if (conduct_ == Conduct::kBoasts) {
      load.prefill_tps = load.decode_tps = node::kRateMax;
      load.places = 1000;
      return {false, false, 0, {load}};
    }
    load.running = running_;
    load.waiting = static_cast<std::uint32_t>(waiting_.size());
    for (const std::uint64_t call : waiting_)
      load.waiting_tokens += static_cast<std::uint32_t>(works_.at(call).what.prompt.size());
    load.service_s = 1;
    return {false, false, static_cast<double>(running_) / speed_.places, {load}};
  }
  [[nodiscard]] std::uint64_t tokens_computed() const { return tokens_; }
  [[nodiscard]] std::size_t works() const { return works_.size(); }

 private:
  struct Work {
    node::GenerateRequest what;
    HashAnswer answer;
    std::vector<node::ChainHash> chain;
    bool running = false;
  };
  using Works = std::map<std::uint64_t, Work>;

  static bus::Duration seconds(double s) { return bus::Duration(static_cast<std::int64_t>(s * 1e6)); }

  void admit() {
    while (running_ < speed_.places && !waiting_.empty()) {
      const std::uint64_t call = waiting_.front();
      waiting_.pop_front();
      Work& work = works_.at(call);
      work.running = true;
      running_ += 1;
      std::size_t cached = 0;
      while (cached < work.chain.size() && cached_.contains(work.chain[cached])) ++cached;
      for (std::size_t i = 0; i < work.chain.size(); ++i)
        cached_.emplace(work.chain[i], static_cast<std::uint32_t>(i));
      const double tokens = static_cast<double>(work.what.prompt.size() + work.what.delivered.size()) -
                            static_cast<double>(cached) * 32;
      prefill_free_ =
          std::max(prefill_free_, clock_.now()) + seconds(std::max(tokens, 1.0) / speed_.prefill_tps);
      clock_.at(prefill_free_, [this, call] { prefilled(call); });
    }
  }
  void prefilled(std::uint64_t call) {
    const auto at = works_.find(call);
    if (at == works_.end()) return;
    Work& work = at->second;
    if (work.what.score_prompt && work.what.delivered.empty())
      say_({call, node::Event(work.answer.scores())});
    if (work.answer.ended()) return finish(at);
    if (conduct_ != Conduct::kSilent) decode(call);
  }
  void decode(std::uint64_t call) {
    const auto at = works_.find(call);
    if (at == works_.end()) return;
    Work& work = at->second;
    if (conduct_ == Conduct::kGarbles && random_.below(12) == 0) return garble(at);
    say_({call, node::Event(work.answer.step())});
    tokens_ += 1;
    steps_ += 1;
    if (work.answer.ended()) return finish(at);
    const double slower = 1 + (running_ - 1) / 16.0;
    clock_.after(seconds(slower / speed_.decode_tps * (0.8 + 0.4 * random_.real())),
                 [this, call] { decode(call); });
  }
  void beat(std::uint64_t call) {
    if (!works_.contains(call)) return;
    using Phase = node::Progress::Phase;
    say_({call, node::Progress{works_.at(call).running ? Phase::kPrefill : Phase::kWaiting, ++steps_}});
    clock_.after(std::chrono::milliseconds(200), [this, call] { beat(call); });
  }
  void finish(Works::iterator at) {
    const node::Event event = at->second.answer.finished();
    const std::uint64_t call = at->first;
    forget(at);
    say_({call, event});
    if (conduct_ == Conduct::kGarbles) say_({call, event});  // twice
  }
  void forget(Works::iterator at) {
    if (at->second.running) {
      running_ -= 1;
    } else {
      std::erase(waiting_, at->first);
    }
    works_.erase(at);
    admit();
  }
  /// Says what cannot be right, each of several ways.
  void garble(Works::iterator at) {
    Work& work = at->second;
    const std::uint64_t call = at->first;
    const auto told = static_cast<std::uint32_t>(work.answer.tokens());
    node::Event event;
    switch (random_.below(9)) {
      case 0:
        event = node::Delta{told + 1, {5}, "5 ", {}};  // one is missing
        break;
      case 1:
        event = node::Delta{told - (told > 0 ? 1 : 0), {5, 6}, "", {}};  // once more, unless it is the first
        if (told == 0) std::get<node::Delta>(event).first_token = 7;
        break;
      case 2:
        event = node::Delta{told, {HashAnswer::kVocab}, "", {}};
        break;
      case 3:
        event = node::Delta{told, {-1}, "", {}};
        break;
      case 4:
        event = node::Delta{told, {}, "text of no token", {}};
        break;
      case 5:
        event = node::Delta{told, {5}, "\xff", {}};
        break;
      case 6:
        event = node::Finished{
            FinishReason::kStop, static_cast<std::uint32_t>(work.what.prompt.size()), 0, told + 1, 0, 0, 0};
        break;
      case 7:
        event = node::PromptScored{{{1, 0, "", {}}}};
        break;
      default:
        event = Error{ErrorCode::kInternal, "computing failed", {}};
    }
    forget(at);
    say_({call, event});
  }
  using FinishReason = node::FinishReason;

  VirtualClock& clock_;
  Speed speed_;
  Conduct conduct_;
  bus::Random random_;
  std::function<void(Said)> say_;
  Works works_;
  std::deque<std::uint64_t> waiting_;
  std::uint32_t running_ = 0;
  bus::Time prefill_free_;
  std::map<node::ChainHash, std::uint32_t> cached_;
  std::uint64_t tokens_ = 0, steps_ = 0;
};

}  // namespace zswarm::test
