// What a node tells everybody about its load, about once a second: at most kHintBytes of msgpack, which
// bus::Core::hint() carries.
//
//   [1, flags, cores' load in 1/1000, [model…]]
//   model: [first 8 bytes of its hash (big-endian), running, waiting, places, prompt tokens that wait,
//           prefill in tokens/1000 s, decode in tokens/1000 s, service time in ms, free KV pages, stride,
//           digest]
// Numbers are unsigned, so nothing is negative or no number; further elements are a later version's and
// passed over.
//
// A node may lie. read_hint() refuses what no node can mean; the rest is bounded, and what an entry sees
// itself counts more (node_table.h). Pure functions, any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "bus/base/bytes.h"
#include "kernels/base/error.h"
#include "node/dispatch/model_hash.h"
#include "node/dispatch/prefix_digest.h"

namespace zswarm::node {

inline constexpr std::size_t kHintBytes = 1024, kHintModels = 16;

/// Of one model at one node. Rates and times are 0 while they are not known.
struct ModelLoad {
  std::uint64_t model = 0;           // model_key() of its hash
  std::uint32_t running = 0;         // requests that are computed
  std::uint32_t waiting = 0;         // requests that wait at the node
  std::uint32_t places = 0;          // how many can run at once
  std::uint32_t waiting_tokens = 0;  // of their prompts
  double prefill_tps = 0;            // tokens per second
  double decode_tps = 0;             // of one sequence, at present
  double service_s = 0;              // from admission to end, smoothed
  std::uint32_t free_pages = 0;      // of the KV cache
  PrefixDigest cached;
};

struct Hint {
  bool draining = false;  // takes nothing new
  bool standby = false;   // takes work only when others are full or gone
  double cores_load = 0;  // 1: all cores that it may use are busy
  std::vector<ModelLoad> models;
};

// The most that a hint may say.
inline constexpr std::uint32_t kLoadRequests = 65'535, kLoadTokens = 1u << 28, kLoadPages = 1u << 28;
inline constexpr double kRateMax = 1e6, kServiceMax = 86'400, kCoresLoadMax = 1000;

/// The first 8 bytes, as a number.
[[nodiscard]] std::uint64_t model_key(const ModelHash& model);

/// Always within kHintBytes: values out of range are cut, digests are halved and then left out, models beyond
/// kHintModels are left out.
[[nodiscard]] bus::Bytes write_hint(const Hint& hint);

/// kCorrupt for what no node would write, kUnsupported for another version. A digest that says yes to nearly
/// everything is taken as none.
[[nodiscard]] Result<Hint> read_hint(bus::ByteView bytes);

}  // namespace zswarm::node
