// How other threads reach the gateway's loop, and how a coroutine on the loop waits for them.
//
// The loop is one io_context run by one thread. The engine and the workers hand their results to it with
// Loop::post(), which stays safe when the loop is gone. On the loop thread, a coroutine waits with a Signal.
#pragma once

#include "gateway/async/asio.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace zswarm::gateway {

/// A door to an io_context that may be gone by the time somebody knocks. Shared by everybody who posts.
class Loop {
 public:
  explicit Loop(asio::io_context& io) : io_(&io) {}

  /// Any thread. Runs `work` on the loop; drops it if the loop is closed.
  void post(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    if (io_) asio::post(*io_, std::move(work));
  }

  /// Before the io_context is destroyed.
  void close() {
    const std::lock_guard lock(mutex_);
    io_ = nullptr;
  }

 private:
  std::mutex mutex_;  // guards io_; held while posting, so that close() waits for it
  asio::io_context* io_;
};

/// Wakes one waiting coroutine. Loop thread only. A notify() before wait() is remembered.
class Signal {
 public:
  explicit Signal(asio::io_context& io) : timer_(io, asio::steady_timer::time_point::max()) {}

  void notify() {
    notified_ = true;
    timer_.cancel();
  }

  asio::awaitable<void> wait() {
    while (!notified_) {
      boost::system::error_code cancelled;
      co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
    notified_ = false;
  }

 private:
  asio::steady_timer timer_;
  bool notified_ = false;
};

/// One value that another thread delivers to a coroutine. Lives in the coroutine; what arrives later is
/// dropped.
template <class T>
class Reply {
 public:
  Reply(asio::io_context& io, std::shared_ptr<Loop> loop)
      : state_(std::make_shared<State>(io)), loop_(std::move(loop)) {}
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  ~Reply() { state_->signal.reset(); }

  /// A function for the other thread to call once, from anywhere.
  [[nodiscard]] std::function<void(T)> sink() {
    // The state is only touched on the loop; elsewhere it is merely carried.
    return [state = state_, loop = loop_](T value) {
      auto carried = std::make_shared<T>(std::move(value));
      loop->post([state, carried] {
        if (!state->signal) return;
        state->value = std::move(*carried);
        state->signal->notify();
      });
    };
  }

  asio::awaitable<T> get() {
    while (!state_->value) co_await state_->signal->wait();
    co_return std::move(*state_->value);
  }

 private:
  struct State {
    explicit State(asio::io_context& io) : signal(std::in_place, io) {}
    std::optional<Signal> signal;  // empty once nobody waits: its timer must not outlive the io_context
    std::optional<T> value;
  };
  std::shared_ptr<State> state_;
  std::shared_ptr<Loop> loop_;
};

}  // namespace zswarm::gateway
