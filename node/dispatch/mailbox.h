// News of generations on their way from the engine's thread to the thread that waits for them.
//
// put() from any thread, take() from one. What waits is bounded by what is asked of the engine: each request
// has at most so many tokens. `wake` is called when the box was empty, from the thread that puts.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "node/client.h"

namespace zswarm::node {

class Mailbox {
 public:
  struct Mail {
    std::uint64_t key = 0;
    Event event;
  };

  explicit Mailbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  void put(std::uint64_t key, Event event) {
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      first = mail_.empty();
      mail_.push_back({key, std::move(event)});
    }
    if (first && wake_) wake_();
  }
  [[nodiscard]] std::vector<Mail> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(mail_, {});
  }

 private:
  const std::function<void()> wake_;
  std::mutex mutex_;
  std::vector<Mail> mail_;
};

}  // namespace zswarm::node
