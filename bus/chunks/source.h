// What a fetch knows of one node that may have the blob.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "bus/base/time.h"
#include "bus/chunks/chunk_map.h"
#include "bus/chunks/limits.h"

namespace zswarm::bus {

struct Source {
  enum class Stage : std::uint8_t {
    kAsked,  // what it has
    kReady,
    kPaused,  // until `due`, then asked again
  };

  Source(std::uint64_t chunks, const FetchConfig& config) : has(chunks), window(config.window_first) {}

  Stage stage = Stage::kAsked;
  Time due;                // when the stage ends by itself
  ChunkMap has;            // what it said
  std::uint64_t told = 0;  // chunks that its answers have spoken of
  Time queried;
  std::deque<std::pair<std::uint64_t, Time>> asked;  // chunks, in the order in which they will come
  std::deque<std::uint64_t> late;                    // given up, but welcome if they come; at most window_max
  std::size_t window;
  std::uint64_t cursor = 0;  // where its search for work goes on
  std::uint32_t strikes = 0;
  Time last_good;            // the last time that it delivered, or began to owe
  std::uint64_t bytes = 0;   // delivered, in all
  std::uint64_t recent = 0;  // since measured
  double rate = 0;           // bytes per second, smoothed
  bool busy_since = false;   // owed something through the whole measurement

  [[nodiscard]] bool owes(std::uint64_t chunk) const {
    return std::any_of(asked.begin(), asked.end(), [&](const auto& entry) { return entry.first == chunk; });
  }
  /// Takes the chunk off the list of late ones.
  bool forgive(std::uint64_t chunk) { return std::erase(late, chunk) > 0; }
};

}  // namespace zswarm::bus
