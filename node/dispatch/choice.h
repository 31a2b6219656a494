// Which node shall take a request: a pure choice of one among candidates.
//
// `auto` estimates how long the answer would take there (link, queue, prefill of what is not cached, decode
// at the pace it would then have) and takes the least. Figures come from hints, decayed by their age, with
// what this entry has sent there since; a node without a hint counts as average. Among those within a
// tolerance of the best two are drawn and the one with fewer of our own requests is taken (the power of two
// choices: Mitzenmacher, 1996/2001), so that many entries with the same hints do not all run to one node.
//
// Whoever makes the candidates has left out those that must not be taken (node_table.h). Standby nodes are
// taken only when all others are full or gone. No state but the turn of round-robin; no clock. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "bus/base/node_id.h"
#include "bus/base/random.h"
#include "kernels/base/error.h"

namespace zswarm::node {

enum class Strategy : std::uint8_t {
  kAuto,
  kRoundRobin,
  kWeighted,          // drawn by the label `weight`
  kLeastConnections,  // of our own open requests
  kLeastLatency,      // to the first token, as seen here
  kResources,         // the least load of cores and places, as told
};

/// kInvalidArgument with the list for a name that is none.
[[nodiscard]] Result<Strategy> strategy_of(std::string_view name);
[[nodiscard]] std::string_view strategy_name(Strategy strategy);

/// What a hint says of the model at a node, with what has happened since; times in seconds.
struct LoadNow {
  double running = 0, waiting = 0, places = 1;
  double waiting_tokens = 0;
  double prefill_tps = 0, decode_tps = 0, service_s = 0;  // 0: not known
  double cores_load = 0;
};

struct Candidate {
  bus::NodeId id;
  bool standby = false;
  double rtt_s = 0;
  std::optional<LoadNow> load;  // none: no hint has come
  std::uint32_t own_open = 0;   // requests of this entry there
  double cached_tokens = 0;     // of this prompt, probably
  double lateness = 1;          // first tokens seen here took so many times what was expected
  double first_token_s = 0;     // smoothed, seen here; 0: not known
  double weight = 1;
};

struct Ask {
  double prompt_tokens = 1;  // to be computed: prompt and what was delivered
  double answer_tokens = 1;  // expected
};

struct Estimate {
  double link_s = 0, queue_s = 0, prefill_s = 0, decode_s = 0;
  double gap_s = 0;  // between tokens
  bool full = false;
  [[nodiscard]] double first_token_s() const { return link_s + queue_s + prefill_s; }
  [[nodiscard]] double total_s() const { return first_token_s() + decode_s; }
};

/// `average`: what a node without a hint is taken for.
[[nodiscard]] Estimate estimate(const Ask& ask, const Candidate& candidate, const LoadNow& average);
[[nodiscard]] LoadNow average_load(std::span<const Candidate> candidates);

struct Chosen {
  std::size_t index = 0;
  Estimate estimate;
};

/// Keeps whose turn it is.
struct RoundRobin {
  bus::NodeId last{};
};

/// Nothing if all are full. `estimates` gets one for each candidate, for traces.
[[nodiscard]] std::optional<Chosen> choose(Strategy strategy, const Ask& ask,
                                           std::span<const Candidate> candidates, RoundRobin& turn,
                                           bus::Random& random, std::vector<Estimate>& estimates);

}  // namespace zswarm::node
