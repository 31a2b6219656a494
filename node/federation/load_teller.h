// Tells everybody how busy this node is (dispatch/hint.h): when that has changed, at most once a second.
//
// One thread, that of the bus; reads the engine's figures, which any thread may.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "bus/core/core.h"
#include "node/client.h"
#include "node/dispatch/hint.h"
#include "node/dispatch/served_model.h"

namespace zswarm::node {

class LoadTeller {
 public:
  static constexpr bus::Duration kEvery = std::chrono::seconds(1);

  /// `served`: the models of `local`, in its order of stats().
  void turn(bus::Core& core, const bus::Now& now, const Client& local,
            const std::vector<ServedModel>& served);
  [[nodiscard]] bus::Time next_timer() const { return due_; }
  [[nodiscard]] const Hint& last() const { return hint_; }

 private:
  struct Seen {
    std::uint64_t tokens = 0;
    double sum_s = 0;
    double decode_tps = 0;  // of the time since the last look in which there was something to see
  };
  [[nodiscard]] ModelLoad load_of(const ModelHash& model, const ModelStats& stats);

  bus::Time due_;
  Hint hint_;
  bus::Bytes told_;
  std::map<std::string, Seen> seen_;
};

}  // namespace zswarm::node
