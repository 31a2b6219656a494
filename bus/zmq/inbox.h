// Work that other threads hand to the bus thread, with a file descriptor to poll beside the sockets.
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "bus/base/time.h"

namespace zswarm::bus {

class Core;

class Inbox {
 public:
  using Work = std::function<void(Core& core, const Now& now)>;

  Inbox();
  ~Inbox();
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  /// Any thread.
  void put(Work work);
  void wake();

  /// Readable while there is something to take or somebody woke the bus.
  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// Everything handed in so far, in order.
  [[nodiscard]] std::vector<Work> take();

 private:
  int descriptor_;
  std::mutex mutex_;
  std::vector<Work> work_;
};

}  // namespace zswarm::bus
