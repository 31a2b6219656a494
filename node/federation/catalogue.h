// Which node serves which models, as the ledger tells (node/dispatch/served_model.h), and which of them live.
//
// One thread, that of the bus.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "bus/core/core.h"
#include "node/dispatch/served_model.h"

namespace zswarm::node {

class Catalogue {
 public:
  /// Writes what this node serves; others see it as soon as the ledger reaches them. Models that it told of
  /// before and that are not among them are taken back. The ledger's errors.
  static bus::Status publish(bus::Core& core, const bus::Now& now, const std::vector<ServedModel>& models);

  /// Reads the ledger again if it has changed; true if so.
  bool refresh(bus::Core& core);
  /// What each node serves, the dead ones too: their entries stay in the ledger for a while.
  [[nodiscard]] const std::map<bus::NodeId, std::vector<ServedModel>>& nodes() const { return nodes_; }

 private:
  std::optional<bus::WatchId> watch_;
  std::map<bus::NodeId, std::vector<ServedModel>> nodes_;
};

}  // namespace zswarm::node
