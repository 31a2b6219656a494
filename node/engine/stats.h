// The engine's figures since start. Written by the engine's thread, read by any.
#pragma once

#include <mutex>

#include "node/client.h"

namespace zswarm::node {

void observe(ModelStats::Histogram& histogram, double seconds);

class StatsBoard {
 public:
  void set(const ModelStats& stats) {
    const std::lock_guard lock(mutex_);
    stats_ = stats;
  }
  [[nodiscard]] ModelStats get() const {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  mutable std::mutex mutex_;
  ModelStats stats_;
};

}  // namespace zswarm::node
