// One request while an entry has it: what was asked, what was told, and the tries that run for it. Data for
// entry.cpp and entry_tries.cpp; nobody else includes it.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/dispatch/event_check.h"
#include "node/dispatch/fair_queue.h"
#include "node/dispatch/node_table.h"
#include "node/dispatch/pace.h"
#include "node/dispatch/trace.h"

namespace zswarm::node {

/// One try at one node.
struct Try {
  AttemptId id = 0;
  PlaceKey place;
  Pace pace;
  bus::Time started;
  bus::Time hedge_at;     // kNever: not (again)
  double expected_s = 0;  // until the first token; with and without what this entry has seen of the node
  double plain_expected_s = 0;
  bool probe = false;  // of a node in quarantine
  bool begun = false;  // a beat or an event has come
  bool any_token = false;
  bool scores_due = false;  // PromptScored was asked for and has not come
};

/// Requests that want the same places.
using ClassKey = std::pair<ModelHash, Labels>;

struct EntryStream {
  /// kQueued: in the fair queue, never tried. kResuming: tried, waits for room, before those. kParked: waits
  /// for a budget until retry_at.
  enum class State : std::uint8_t { kQueued, kResuming, kParked, kRunning };
  enum class Owes : std::uint8_t { kNothing, kRetry, kFailover };

  StreamId id = 0;
  ClassKey wants;
  GenerateRequest what;  // `delivered` grows
  std::string owner;
  std::optional<std::int32_t> vocab_size;
  bus::Time opened, deadline;
  bus::Time armed = bus::kNever;  // its entry among the timers
  State state = State::kQueued;
  Owes owes = Owes::kNothing;  // what the next try costs
  bus::Time retry_at = bus::kNever;
  std::vector<Try> tries;  // that run: one, or two while hedging
  std::optional<std::vector<ChainHash>> chain;
  std::map<bus::NodeId, bus::Time> excluded;  // until when; failed for this request
  std::set<bus::NodeId> refusing;             // said that the request is wrong
  std::uint32_t tries_made = 0;               // since the last token
  std::uint32_t fruitless = 0;                // tries lost since then in which a node had begun to compute
  bool any_told = false, scored_told = false, reading = true;
  std::optional<std::uint32_t> logprobs_told = 0;
  Trace trace;

  [[nodiscard]] Told told(const Try& run) const { return {what, vocab_size, run.scores_due, logprobs_told}; }
  [[nodiscard]] std::uint32_t next_token() const { return static_cast<std::uint32_t>(what.delivered.size()); }
};

/// Those of one class that wait.
struct WaitingClass {
  std::deque<StreamId> resuming;
  FairQueue queue;
  std::optional<bus::Time> orphaned;  // since when nobody has the model
};

}  // namespace zswarm::node
