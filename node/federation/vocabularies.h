// Gets the vocabularies of models that other nodes serve, so that this entry can speak to them: fetched as
// blobs from whoever serves the model (several sources, verified), read on a thread that may take its time.
//
// One thread, that of the bus, but for read_vocabulary(). Bounded in bytes: a network that announces more
// models than fit is served as far as they do.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "bus/chunks/memory_store.h"
#include "bus/core/core.h"
#include "node/dispatch/served_model.h"
#include "node/model_store.h"

namespace zswarm::node {

inline constexpr std::uint64_t kVocabulariesBytes = 512u << 20;

class Vocabularies {
 public:
  struct Arrived {
    ServedModel model;
    bus::Bytes file;
  };

  /// The model is spoken to without the network's help.
  void have(const ModelHash& model) { done_.insert(model); }
  /// Begins or goes on to fetch what is missing; `sources` are living nodes that serve the model.
  void want(bus::Time now, bus::Core& core, const ServedModel& model,
            const std::vector<bus::NodeId>& sources);
  /// What has come; each once. Fetches that failed are tried again when they are wanted after a pause.
  [[nodiscard]] std::vector<Arrived> take_arrived(bus::Time now, bus::Core& core);
  [[nodiscard]] std::size_t fetching() const { return fetches_.size(); }

 private:
  struct Fetch {
    ServedModel model;
    std::shared_ptr<bus::MemoryStore> store;
  };
  std::map<bus::BlobId, Fetch> fetches_;
  std::set<ModelHash> done_;
  std::map<ModelHash, bus::Time> again_;  // of what failed: not before
  std::uint64_t bytes_ = 0;
};

/// The file that came, as a model that can be spoken to. kCorrupt and the like if it is none, or not that of
/// `model` (another size of vocabulary).
[[nodiscard]] Result<std::shared_ptr<const StoredModel>> read_vocabulary(const ServedModel& model,
                                                                         bus::ByteView file);

}  // namespace zswarm::node
