// Many nodes and entries, and everything that happens to machines: streams stay what they are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/node/dispatch/weather.h"

namespace zswarm::test {
namespace {

using ::testing::IsEmpty;

struct Tally {
  std::size_t finished = 0, failed = 0;
  std::vector<std::string> errors;
};
Tally tally(const VirtualWorld& world) {
  Tally tally;
  for (std::size_t e = 0; e < world.entries(); ++e) {
    for (const auto& [id, client] : world.clients(e)) {
      client.error ? ++tally.failed : ++tally.finished;
      if (client.error) tally.errors.push_back(client.error->message);
    }
  }
  return tally;
}

void expect_all_answered(const VirtualWorld& world, const Weather& weather) {
  EXPECT_THAT(world.faults, IsEmpty());
  const Tally all = tally(world);
  EXPECT_EQ(all.finished, weather.requests);
  EXPECT_THAT(all.errors, IsEmpty());
  EXPECT_EQ(world.refused, 0u);
}

TEST(DispatchSimulation, InQuietWeatherEveryStreamIsAnsweredAndNodesShareTheWork) {
  const VirtualWorldConfig config;
  VirtualWorld world(config);
  const Weather weather{.requests = 800, .per_s = 20};
  drive(world, config.nodes, 1, weather);
  expect_all_answered(world, weather);
  double sum = 0, most = 0;
  for (std::size_t n = 0; n < config.nodes; ++n) {
    const auto tokens = static_cast<double>(world.tokens_computed(n));
    sum += tokens, most = std::max(most, tokens);
  }
  EXPECT_LT(most / (sum / static_cast<double>(config.nodes)), 1.8);
  for (std::size_t e = 0; e < config.entries; ++e) EXPECT_EQ(world.entry(e).stats().failovers, 0u);
}

TEST(DispatchSimulation, StreamsOfNodesThatAreKilledGoOnElsewhere) {
  const VirtualWorldConfig config;
  VirtualWorld world(config);
  const Weather weather{.kill_every = 700ms};
  drive(world, config.nodes, 2, weather);
  expect_all_answered(world, weather);
  std::uint64_t failovers = 0;
  for (std::size_t e = 0; e < config.entries; ++e) failovers += world.entry(e).stats().failovers;
  EXPECT_GT(failovers, 10u);
}

TEST(DispatchSimulation, FrozenNodesAndCutLinksAreNoticedByTheirPace) {
  const VirtualWorldConfig config;
  VirtualWorld world(config);
  const Weather weather{.freeze_every = 1s, .cut_every = 1s};
  drive(world, config.nodes, 3, weather);
  expect_all_answered(world, weather);
  std::uint64_t stalls = 0;
  for (std::size_t e = 0; e < config.entries; ++e) {
    stalls += world.entry(e).stats().stalls;
    for (const auto& [id, client] : world.clients(e)) EXPECT_LT(client.longest_gap, 10s) << id;
  }
  EXPECT_GT(stalls, 5u);
}

TEST(DispatchSimulation, WhatCannotBeRightIsNeverTold) {
  VirtualWorldConfig config;
  config.conduct = [](std::size_t n) { return n % 4 == 0 ? Conduct::kGarbles : Conduct::kHonest; };
  VirtualWorld world(config);
  const Weather weather;
  drive(world, config.nodes, 4, weather);
  expect_all_answered(world, weather);
  std::uint64_t faults = 0;
  for (std::size_t e = 0; e < config.entries; ++e) faults += world.entry(e).stats().faults;
  EXPECT_GT(faults, 10u);
}

TEST(DispatchSimulation, NodesThatBoastRefuseOrOnlySayThatTheyWorkCannotHoldStreamsUp) {
  VirtualWorldConfig config;
  config.conduct = [](std::size_t n) {
    return n == 0   ? Conduct::kBoasts
           : n == 1 ? Conduct::kRefuses
           : n == 2 ? Conduct::kSilent
                    : Conduct::kHonest;
  };
  config.slowness = [](std::size_t n) { return n == 0 ? 6.0 : 1.0; };
  VirtualWorld world(config);
  const Weather weather;
  drive(world, config.nodes, 5, weather);
  expect_all_answered(world, weather);
}

TEST(DispatchSimulation, StragglersAndStaleHintsCostTimeAndNothingElse) {
  VirtualWorldConfig config;
  config.slowness = [](std::size_t n) { return n % 5 == 0 ? 8.0 : 1.0; };
  config.hint_every = 4s;
  config.hint_delay_max = 3s;
  VirtualWorld world(config);
  const Weather weather;
  drive(world, config.nodes, 6, weather);
  expect_all_answered(world, weather);
}

VirtualWorldConfig rough_config(std::uint64_t seed) {
  VirtualWorldConfig config;
  config.nodes = 12, config.entries = 3, config.seed = seed;
  config.conduct = [](std::size_t n) {
    return n == 1   ? Conduct::kGarbles
           : n == 2 ? Conduct::kBoasts
           : n == 3 ? Conduct::kRefuses
                    : Conduct::kHonest;
  };
  config.slowness = [](std::size_t n) { return n == 4 ? 8.0 : 1.0; };
  config.hint_delay_max = 2s;
  return config;
}
constexpr Weather kRough{
    .requests = 150, .per_s = 8, .kill_every = 1500ms, .freeze_every = 2s, .cut_every = 2s};

TEST(DispatchSimulation, InEveryWeatherStreamsAreWholeAndEndOnce) {
  std::size_t finished = 0, all = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const VirtualWorldConfig config = rough_config(seed);
    VirtualWorld world(config);
    drive(world, config.nodes, seed, kRough);
    EXPECT_THAT(world.faults, IsEmpty()) << "seed " << seed;
    const Tally here = tally(world);
    finished += here.finished;
    all += kRough.requests;
    EXPECT_EQ(here.finished + here.failed + world.refused, kRough.requests);
    EXPECT_THAT(here.errors, IsEmpty()) << "seed " << seed;
    for (std::size_t e = 0; e < config.entries; ++e) EXPECT_LE(world.entry(e).nodes().nodes(), config.nodes);
  }
  EXPECT_EQ(finished, all);
}

TEST(DispatchSimulation, OneSeedGivesOneTrace) {
  std::vector<std::uint64_t> traces;
  for (const std::uint64_t seed : {7, 7, 8}) {
    const VirtualWorldConfig config = rough_config(seed);
    VirtualWorld world(config);
    drive(world, config.nodes, seed, kRough);
    traces.push_back(world.trace_hash());
  }
  EXPECT_EQ(traces[0], traces[1]);
  EXPECT_NE(traces[0], traces[2]);
}

TEST(DispatchSimulation, ATorrentIsQueuedWithinBoundsAndTheRestToldWhenToComeBack) {
  VirtualWorldConfig config;
  config.nodes = config.entries = 2;
  config.entry.queue_max = 40;
  VirtualWorld world(config);
  const Weather weather{.requests = 600, .per_s = 300, .deadline = 60s};
  drive(world, config.nodes, 9, weather);
  EXPECT_THAT(world.faults, IsEmpty());
  const Tally all = tally(world);
  EXPECT_GT(world.refused, 100u);
  EXPECT_GT(all.finished, 50u);
  EXPECT_EQ(all.finished + all.failed + world.refused, weather.requests);
  EXPECT_LE(world.most_waiting, 40u + 16u);  // of those that were tried before, as many as places
}

TEST(DispatchSimulation, WhenHalfOfAllNodesDieAtOnceRetriesStayWithinTheirBudget) {
  const VirtualWorldConfig config;
  VirtualWorld world(config);
  const Weather weather{.requests = 600, .per_s = 30};
  world.clock.after(12s, [&] {
    for (std::size_t n = 0; n < config.nodes; n += 2) world.kill(n, false, 3s);
  });
  drive(world, config.nodes, 10, weather);
  expect_all_answered(world, weather);
  for (std::size_t e = 0; e < config.entries; ++e) {
    const node::Entry::Stats& stats = world.entry(e).stats();
    EXPECT_LE(static_cast<double>(stats.retries + stats.hedges),
              10 + 0.1 * static_cast<double>(stats.opened) + 1.0 * 200)
        << "the budget";
  }
}

}  // namespace
}  // namespace zswarm::test
