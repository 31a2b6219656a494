// The answers that one HTTP request asks of the engine: started a few at a time, their news in one queue,
// cancelled together.
//
// Loop thread only. The engine's thread reaches it through Loop::post(). Destroying it cancels what still
// runs, so an endpoint that returns early, for whatever reason, leaves no generation behind. News that nobody
// takes is bounded: a reader that falls too far behind is cut off (Halt::kTooSlow), and slows nobody else
// meanwhile.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "gateway/async/loop.h"
#include "gateway/context.h"
#include "node/client.h"

namespace zswarm::gateway {

class Generation {
 public:
  enum class Halt { kNone, kClientGone, kStopping, kTooSlow };
  struct News {
    std::size_t index = 0;  // which answer
    node::Event event;
  };

  Generation(Context& context, std::vector<node::GenerateRequest> requests);
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;
  ~Generation();

  /// Starts the first answers. An error means that none was started.
  [[nodiscard]] Status start();

  /// Waits for news. Nothing: all answers have ended, or halted() says why there will be no more. An answer
  /// that the engine would not start yields an Error as its news.
  asio::awaitable<std::optional<News>> next();
  /// The same without waiting: news that is there already.
  [[nodiscard]] std::optional<News> next_if_ready();

  /// Ends answer `index` early; no news of it follows.
  void finish(std::size_t index);

  void halt(Halt reason);
  [[nodiscard]] Halt halted() const { return halt_; }

 private:
  struct Channel;
  struct Answer {
    node::GenerateRequest request;
    std::optional<node::RequestId> id;  // while it runs
    bool ended = false;
  };

  void receive(std::size_t index, node::Event event, std::size_t bytes);
  [[nodiscard]] Status start_one();
  void start_more();
  void end_answer(std::size_t index);

  Context& context_;
  std::vector<Answer> answers_;
  std::size_t started_ = 0, running_ = 0, ended_ = 0;
  std::deque<std::pair<News, std::size_t>> news_;  // with its size in bytes
  std::size_t backlog_bytes_ = 0;
  Signal signal_;
  std::shared_ptr<Channel> channel_;
  Halt halt_ = Halt::kNone;
};

}  // namespace zswarm::gateway
