// The knobs of chunk transfer, for each side.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "bus/base/time.h"

namespace zswarm::bus {

using namespace std::chrono_literals;

struct FetchConfig {
  std::size_t sources_max = 32;
  // Chunks asked of one source and not here yet: as many as it delivers in `ahead`, so that it never waits
  // for us, and a fast source gets more of the work than a slow one.
  std::size_t window_first = 4, window_min = 1, window_max = 32;
  Duration ahead = 1s;
  // Of all sources together: bounds what is on its way to us.
  std::size_t in_flight_bytes = 64u << 20;
  // A source that owes chunks and delivers nothing for so long gets a strike: its chunks are asked elsewhere,
  // and it has a pause that doubles. So many strikes without a good chunk between them and it is dropped.
  Duration stall = 5s;
  Duration pause = 2s;
  std::uint32_t strikes_max = 3;
  // While a source says that it is busy.
  Duration busy_pause = 500ms;
  // Near the end, when every missing chunk has been asked for: chunks that are asked of a second source.
  std::size_t duplicates_max = 16;
  // What a source has that does not have all is asked again.
  Duration query_again = 5s;
  // No good chunk for so long ends the fetch; what is there stays.
  Duration give_up = 60s;
  // What a crash of the machine may cost.
  std::uint64_t checkpoint_bytes = 64u << 20;
  std::uint64_t bytes_per_s = 0;  // 0: no limit
  std::uint64_t burst_bytes = 4u << 20;
  Duration tick = 100ms;
  Duration own_stall = 1s;  // a timer this late: nobody is to blame for silence
};

struct ChunkServerConfig {
  std::size_t peers_max = 256;
  // Chunks that one peer waits for, as numbers: data are read when they are sent.
  std::size_t queue_per_peer = 64;
  std::uint64_t peer_bytes_per_s = 256u << 20, peer_burst_bytes = 16u << 20;
  std::uint64_t bytes_per_s = 512u << 20, burst_bytes = 64u << 20;  // to all
  // Questions about what is there (up to 64 KiB each), and refusals; beyond it there is silence.
  std::uint64_t answers_per_s = 50, answers_burst = 200;
  Duration peer_for = 60s;  // after which a silent peer is forgotten
};

}  // namespace zswarm::bus
