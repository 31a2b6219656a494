// Time of a simulation: what is to happen, in the order of its time, and of equal times in the order in which
// it was decided.
#pragma once

#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "bus/base/time.h"

namespace zswarm::test {

class VirtualClock {
 public:
  [[nodiscard]] bus::Time now() const { return now_; }
  void at(bus::Time time, std::function<void()> action) {
    queue_.push({std::max(time, now_), ++order_, std::move(action)});
  }
  void after(bus::Duration delay, std::function<void()> action) { at(now_ + delay, std::move(action)); }
  /// Until nothing is left or the end has come.
  void run(bus::Time end) {
    while (!queue_.empty() && queue_.top().at <= end) {
      const Happening next = queue_.top();
      queue_.pop();
      now_ = next.at;
      next.action();
    }
  }

 private:
  struct Happening {
    bus::Time at;
    std::uint64_t order;
    std::function<void()> action;
    bool operator<(const Happening& other) const {
      return at != other.at ? other.at < at : other.order < order;
    }
  };
  std::priority_queue<Happening> queue_;
  bus::Time now_{std::chrono::seconds(1000)};
  std::uint64_t order_ = 0;
};

}  // namespace zswarm::test
