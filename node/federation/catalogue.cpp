#include "node/federation/catalogue.h"

#include <algorithm>
#include <string>

namespace zswarm::node {

namespace {

constexpr const char* kModelKeys = "model/";
constexpr std::size_t kModelsPerNode = 64;

}  // namespace

bus::Status Catalogue::publish(bus::Core& core, const bus::Now& now, const std::vector<ServedModel>& models) {
  std::vector<std::string> keys, stale;
  for (const ServedModel& model : models) {
    keys.push_back(served_model_key(model.hash, core.id()));
    if (auto put = core.put(now, keys.back(), write_served_model(model)); !put) return put;
  }
  core.ledger().for_each(kModelKeys, [&](const bus::Found& found) {
    const auto key = read_served_model_key(found.key);
    const bool ours = key && key->second == core.id();
    if (ours && std::find(keys.begin(), keys.end(), found.key) == keys.end()) stale.emplace_back(found.key);
    return true;
  });
  for (const std::string& key : stale)
    if (auto erased = core.erase(now, key); !erased) return erased;
  return {};
}

bool Catalogue::refresh(bus::Core& core) {
  const bool first = !watch_;
  if (first) {
    auto watch = core.ledger().watch(kModelKeys);
    if (!watch) return false;  // as many as there can be: asked again next time
    watch_ = *watch;
  }
  const bus::LedgerNews news = core.ledger().take_news(*watch_);
  if (!first && news.changes.empty() && !news.overflow) return false;
  nodes_.clear();
  core.ledger().for_each(kModelKeys, [&](const bus::Found& found) {
    const auto key = read_served_model_key(found.key);
    // The ledger has seen to it that only the node itself writes this key.
    if (!key) return true;
    auto& models = nodes_[key->second];
    auto model = read_served_model(key->first, found.value);
    if (model && models.size() < kModelsPerNode) models.push_back(std::move(*model));
    return true;
  });
  return true;
}

}  // namespace zswarm::node
