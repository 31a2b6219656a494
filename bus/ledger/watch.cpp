#include "bus/ledger/watch.h"

#include <utility>

namespace zswarm::bus {

Result<WatchId> Watches::add(std::string prefix) {
  if (watches_.size() >= kMaxWatches)
    return fail(ErrorCode::kBusy, "the ledger has as many watchers as it takes");
  while (watches_.contains(++last_id_)) {
  }
  watches_.emplace(last_id_, Watch{std::move(prefix), {}});
  return WatchId{last_id_};
}

LedgerNews Watches::take(WatchId id) {
  const auto found = watches_.find(static_cast<std::uint32_t>(id));
  return found == watches_.end() ? LedgerNews{} : std::exchange(found->second.news, {});
}

void Watches::note(std::string_view key, bool erased) {
  for (auto& [id, watch] : watches_) {
    if (!key.starts_with(watch.prefix)) continue;
    if (watch.news.changes.size() >= kMaxChanges) watch.news = {{}, true};
    watch.news.changes.push_back({std::string(key), erased});
  }
}

}  // namespace zswarm::bus
