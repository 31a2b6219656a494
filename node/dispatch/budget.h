// How many requests may be tried again: a share of all requests plus a small burst, so that the loss of half
// of the network makes no storm of retries (as the retry budgets of Finagle and of "The Site Reliability
// Workbook", chapter 17).
//
// Counts in requests. A trickle flows in with time, so that a quiet entry can retry too. Sans I/O.
#pragma once

#include <algorithm>
#include <cmath>

#include "bus/base/time.h"

namespace zswarm::node {

struct BudgetConfig {
  double share = 0.1;  // of requests
  double per_s = 1;    // whatever is asked; above 0
  double burst = 10;   // at least 1
};

class Budget {
 public:
  /// Full at the beginning.
  explicit Budget(const BudgetConfig& config) : config_(config), left_(config.burst) {}

  /// A request has come.
  void on_request() { left_ = std::min(left_ + config_.share, config_.burst); }

  [[nodiscard]] bool take(bus::Time now) {
    refill(now);
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

  /// When there will be one, if no request comes until then.
  [[nodiscard]] bus::Time ready_at(bus::Time now) {
    refill(now);
    if (left_ >= 1) return now;
    return now + bus::Duration(static_cast<std::int64_t>(std::ceil((1 - left_) / config_.per_s * 1e6)));
  }

 private:
  void refill(bus::Time now) {
    if (!started_) last_ = now, started_ = true;
    if (now <= last_) return;
    const double s = static_cast<double>((now - last_).count()) * 1e-6;
    left_ = std::min(left_ + s * config_.per_s, config_.burst);
    last_ = now;
  }

  BudgetConfig config_;
  double left_;
  bus::Time last_;
  bool started_ = false;
};

}  // namespace zswarm::node
