// Messages that wait because the queue to their receiver is full, or not there yet: in order, bounded by
// number and bytes. One thread.
#pragma once

#include <deque>

#include "bus/proto/outbox.h"
#include "bus/zmq/limits.h"

namespace zswarm::bus {

class HeldMessages {
 public:
  /// False if it has no room; then the message is as it was.
  bool add(Send& message, const SocketLimits& limits) {
    const std::size_t bytes = size(message);
    if (messages_.size() >= limits.unsent_messages || bytes_ + bytes > limits.unsent_bytes) return false;
    bytes_ += bytes;
    messages_.push_back(std::move(message));
    return true;
  }
  [[nodiscard]] bool empty() const { return messages_.empty(); }
  [[nodiscard]] const Send& front() const { return messages_.front(); }
  void pop() {
    bytes_ -= size(messages_.front());
    messages_.pop_front();
  }
  void clear() {
    messages_.clear();
    bytes_ = 0;
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  static std::size_t size(const Send& message) {
    std::size_t sum = message.message.size();
    for (const Bytes& frame : message.frames) sum += frame.size();
    return sum;
  }
  std::deque<Send> messages_;
  std::size_t bytes_ = 0;
};

}  // namespace zswarm::bus
