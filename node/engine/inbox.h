// The door between callers' threads and the engine's thread: new requests and cancellations, and the bound on
// how many requests are inside at once.
//
// All functions but take() and ended() come from any thread; those two from the engine's. One mutex, held for
// a few instructions. The wake function is called without it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "node/engine/request.h"

namespace zswarm::node {

class Inbox {
 public:
  /// `max_inside`: requests that run or wait. `wake` tells the engine's thread that there is something to
  /// take.
  Inbox(std::uint32_t max_inside, std::function<void()> wake);

  /// kUnavailable if it is full or closed.
  Status put(std::unique_ptr<Request> request);
  /// Asks for the end of a request that is inside; others are ignored.
  void cancel(RequestId id);
  /// From now on put() fails with `reason`. What is inside stays.
  void close(Error reason);

  /// Swaps in what has come since the last call. Returns false if nothing has.
  bool take(std::vector<std::unique_ptr<Request>>& arrivals, std::vector<RequestId>& cancelled);
  /// A request has ended: makes room.
  void ended(RequestId id);

  [[nodiscard]] std::uint64_t refused() const;
  [[nodiscard]] std::size_t not_taken() const;  // arrivals that wait for take()

 private:
  const std::uint32_t max_inside_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Request>> arrivals_;
  std::vector<RequestId> cancelled_;
  std::unordered_map<RequestId, bool> inside_;  // whether it has been cancelled
  std::uint64_t refused_ = 0;
  bool closed_ = false;
  Error reason_;
};

}  // namespace zswarm::node
