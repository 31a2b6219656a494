// Who wants to know about which keys: changes are queued for each watcher until it takes them.
//
// A queue holds kMaxChanges keys. One more empties it and leaves a mark: the watcher then reads the keys
// below its prefix again, which costs less than it would to keep up. One thread; owns the queues.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bus/base/error.h"

namespace zswarm::bus {

struct Change {
  std::string key;
  bool erased = false;  // also at the end of its life, or because its author was revoked

  friend bool operator==(const Change&, const Change&) = default;
};

struct LedgerNews {
  std::vector<Change> changes;  // in order; a key that changed twice is there twice
  bool overflow = false;        // some were left out: read again, then apply these
};

enum class WatchId : std::uint32_t {};

class Watches {
 public:
  static constexpr std::size_t kMaxWatches = 64, kMaxChanges = 4096;

  /// kBusy if there are kMaxWatches.
  [[nodiscard]] Result<WatchId> add(std::string prefix);
  void remove(WatchId id) { watches_.erase(static_cast<std::uint32_t>(id)); }
  /// What has happened since the last call; nothing for an id that has been removed.
  [[nodiscard]] LedgerNews take(WatchId id);

  void note(std::string_view key, bool erased);

 private:
  struct Watch {
    std::string prefix;
    LedgerNews news;
  };
  std::unordered_map<std::uint32_t, Watch> watches_;
  std::uint32_t last_id_ = 0;
};

}  // namespace zswarm::bus
