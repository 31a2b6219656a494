// What `zswarm simulate` does to a network, and what it measures.
//
// Time is divided in sixths of the duration: 1 the network settles; 2 and 3 it is idle, and its bytes are
// counted; 4 news are broadcast, and single nodes crash; then, if asked for, a share of all nodes dies at
// once, and survivors broadcast in 5; 6 things come to rest. Freezes go on from 2 to the end: at any time a
// share of the nodes is frozen, each for freeze_time. Hostile members begin with 2. A partition lasts for 2;
// bytes are then counted in 3 only.
//
// News carry a stamp of their author's hybrid logical clock, which follows the author's wall clock; readers
// refuse them, as the ledger does, if they are from more than five seconds ahead of their own.
#pragma once

#include <cstdint>
#include <optional>

#include "bus/sim/world.h"

namespace zswarm::bus {

struct ScenarioConfig {
  WorldConfig world;
  Duration duration{60'000'000};
  double kill = 0;       // share of nodes that die at once
  double freeze = 0;     // share of nodes that are frozen at any time
  double hostile = 0;    // share of members that mean harm
  double partition = 0;  // share of nodes that the others cannot reach during the second sixth
  Duration skew{0};      // wall clocks are off by up to this much, either way
  Duration freeze_time{10'000'000};
  bool warm = true;  // begin as a network that has run for a while; else all join within the first sixth
  std::uint32_t contacts = 3;  // that all join through
  std::uint32_t news = 10;
  std::uint32_t crashes = 0;  // 0: one in fifty nodes, at least 1 and at most 20
};

struct Figures {
  double virtual_s = 0;
  /// The worst of all news: until 99.99 % of the nodes that run have it. Nothing if that never came.
  std::optional<double> converged_9999_s;
  /// The mean of all news: until the last node that runs has it.
  std::optional<double> news_mean_s;
  double idle_bytes_per_node_s = 0;  // sent, by honest nodes
  /// Until every running node knows of a crash: 99th percentile over crashes, and their mean.
  std::optional<double> crash_known_p99_s, crash_known_mean_s;
  /// Nodes that had not been killed, called dead by an honest node's own probes; frozen ones count.
  std::uint64_t false_deaths = 0;
  /// Those of them that were frozen at that moment.
  std::uint64_t false_deaths_frozen = 0;
  /// Seconds of life of all nodes from the second sixth on, for rates.
  double node_s = 0;
  /// From the partition's end until the network is in one piece again.
  std::optional<double> healed_s;
  /// News that a reader refused since its clock was too far behind the author's.
  std::uint64_t refused_ahead = 0;
  std::uint64_t suspicions = 0;
  /// Of the news that survivors sent after the kill (or of all, without one), the share that reached its
  /// readers.
  double delivered_to_survivors = 0;
  /// Of those who died at once (a sample of at most 200), the share that survivors know dead at the end, and
  /// how long after the kill all of them knew all. Who died with all its neighbours is found by audits.
  std::optional<double> killed_known, killed_known_s;
  std::uint64_t messages = 0;
  std::uint64_t trace_hash = 0;
  double mean_links = 0;
};

[[nodiscard]] Figures run_scenario(const ScenarioConfig& config);

}  // namespace zswarm::bus
