// The models that this entry can speak to, by name: those of its own node first, then what the network
// serves.
//
// Any thread reads; one writes. What find() gives stays valid for as long as somebody holds it, also when the
// last node with that model goes.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "node/client.h"
#include "node/dispatch/model_hash.h"
#include "node/model_store.h"

namespace zswarm::node {

struct KnownModel {
  ModelHash hash{};
  ModelCard card;                  // as the network knows it: its context is the largest that a node offers
  std::vector<std::string> names;  // the card's id first
  std::shared_ptr<const StoredModel> text;  // its vocabulary and template
  bool here = false;                        // this node computes it
};

class KnownModels {
 public:
  using Models = std::vector<std::shared_ptr<const KnownModel>>;

  /// In order; the first is the default. A name that two models bear means the first of them.
  void set(Models models) {
    const std::lock_guard lock(mutex_);
    models_ = std::move(models);
  }
  [[nodiscard]] Models all() const {
    const std::lock_guard lock(mutex_);
    return models_;
  }
  /// Empty for the default; kNotFound.
  [[nodiscard]] Result<std::shared_ptr<const KnownModel>> find(std::string_view name) const;

 private:
  mutable std::mutex mutex_;
  Models models_;
};

}  // namespace zswarm::node
