// A compute team with its threads, for commands that run a model themselves. The engine of a node has its own
// (node/node.cpp).
//
// The thread that makes it is member 0 and the only one that may use team(). The destructor ends the helpers.
#pragma once

#include <cstddef>
#include <thread>
#include <vector>

#include "kernels/base/team.h"

namespace zswarm::tools {

class ComputeThreads {
 public:
  explicit ComputeThreads(std::size_t count) : team_(count) {
    helpers_.reserve(count - 1);
    for (std::size_t member = 1; member < count; ++member) {
      helpers_.emplace_back([this, member] { team_.serve(member); });
    }
  }
  ~ComputeThreads() {
    team_.stop();
    for (std::thread& helper : helpers_) helper.join();
  }
  ComputeThreads(const ComputeThreads&) = delete;
  ComputeThreads& operator=(const ComputeThreads&) = delete;

  [[nodiscard]] Team& team() { return team_; }

 private:
  Team team_;
  std::vector<std::thread> helpers_;
};

}  // namespace zswarm::tools
