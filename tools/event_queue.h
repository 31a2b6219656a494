// News of one generation, handed from the engine's thread to the one that prints.
//
// sink() may be called by any thread; pop() by one. Holds what the reader has not taken yet: at most one
// answer.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include "node/client.h"

namespace zswarm::tools {

class EventQueue {
 public:
  /// What to give to Client::generate. Keeps the queue's insides alive, so it may outlive the EventQueue.
  [[nodiscard]] node::EventSink sink() const {
    return [inside = inside_](node::Event event) {
      {
        const std::lock_guard lock(inside->mutex);
        inside->events.push_back(std::move(event));
      }
      inside->arrived.notify_one();
    };
  }

  /// Waits for the next event.
  [[nodiscard]] node::Event pop() {
    std::unique_lock lock(inside_->mutex);
    inside_->arrived.wait(lock, [this] { return !inside_->events.empty(); });
    node::Event event = std::move(inside_->events.front());
    inside_->events.pop_front();
    return event;
  }

 private:
  struct Inside {
    std::mutex mutex;
    std::condition_variable arrived;
    std::deque<node::Event> events;
  };
  std::shared_ptr<Inside> inside_ = std::make_shared<Inside>();
};

}  // namespace zswarm::tools
