// Sentences for an operator that others can cause: few enough to be read, and no way to fill a disk.
//
// The same sentence is told once in kAgain, all of them together at the rate of a bucket; how many were left
// out is told with the next one that gets through. One thread, that of the bus.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "bus/base/time.h"
#include "bus/base/token_bucket.h"

namespace zswarm::bus {

class LimitedLog {
 public:
  static constexpr Duration kAgain = std::chrono::minutes(1);
  static constexpr std::size_t kRemembered = 256;
  static constexpr std::uint64_t kPerSecond = 1, kBurst = 40;

  explicit LimitedLog(std::function<void(const std::string& sentence)> log) : log_(std::move(log)) {}

  void say(Time now, const std::string& sentence);

 private:
  std::function<void(const std::string&)> log_;
  TokenBucket bucket_{kPerSecond, kBurst};
  std::map<std::string, Time> said_;
  std::uint64_t left_out_ = 0;
};

}  // namespace zswarm::bus
