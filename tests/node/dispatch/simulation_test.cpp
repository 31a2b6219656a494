// Many nodes and entries, and everything that happens to machines: streams stay what they are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/node/dispatch/virtual_world.h"

namespace zswarm::test {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;

struct Weather {
  std::size_t requests = 400;
  double per_s = 20;
  bus::Duration kill_every{0}, freeze_every{0}, cut_every{0};
  bus::Duration restart_after = 8s, deadline = 120s;
};

node::EntryRequest some_request(bus::Random& random, const Weather& weather) {
  node::EntryRequest request;
  bus::Random family(random.below(12));
  request.what.prompt.resize(32 * (1 + family.below(12)));
  for (node::TokenId& token : request.what.prompt) token = static_cast<node::TokenId>(family.below(1000));
  for (std::size_t i = random.below(40); i-- > 0;)
    request.what.prompt.push_back(static_cast<node::TokenId>(random.below(1000)));
  request.what.sampling.seed = random.next();
  request.what.max_tokens = static_cast<std::uint32_t>(4 + random.below(80));
  if (random.below(4) == 0) request.what.sampling.top_logprobs = 0;
  request.what.score_prompt = random.below(8) == 0;
  if (random.below(8) == 0) {  // a client that comes back
    HashAnswer before(request.what);
    for (std::size_t i = random.below(6); i-- > 0 && !before.ended();)
      request.what.delivered.push_back(before.step().tokens[0]);
    if (before.ended()) request.what.delivered.clear();
  }
  request.owner = std::to_string(random.below(5));
  request.priority = static_cast<std::uint8_t>(random.below(3));
  request.deadline = weather.deadline;
  return request;
}

/// Requests at random times, until the last one is answered.
void drive(VirtualWorld& world, std::size_t nodes, std::uint64_t seed, const Weather& weather) {
  bus::Random random(seed);
  bus::Time at = world.clock.now() + 2s;
  for (std::size_t i = 0; i < weather.requests; ++i) {
    at = at + bus::Duration(static_cast<std::int64_t>(-std::log(1 - random.real()) / weather.per_s * 1e6));
    const std::size_t e = random.below(world.entries());
    world.clock.at(at, [&world, e, request = some_request(random, weather)] { world.ask(e, request); });
  }
  const bus::Time end = at;
  const auto often = [&](bus::Duration every, const auto& action) {
    for (bus::Time t = world.clock.now() + 2s + every; every > 0s && t < end; t = t + every) {
      const std::size_t n = random.below(nodes);
      const std::uint64_t draw = random.next();
      world.clock.at(t, [action, n, draw] { action(n, draw); });
    }
  };
  often(weather.kill_every, [&world, &weather](std::size_t n, std::uint64_t draw) {
    world.kill(n, draw % 4 != 0, std::chrono::milliseconds(500 + draw % 3000));
    world.clock.after(weather.restart_after, [&world, n] { world.revive(n); });
  });
  often(weather.freeze_every, [&world](std::size_t n, std::uint64_t draw) {
    world.freeze(n, std::chrono::milliseconds(300 + draw % 8000));
  });
  often(weather.cut_every, [&world](std::size_t n, std::uint64_t draw) {
    world.cut(draw % world.entries(), n, std::chrono::milliseconds(500 + draw % 5000));
  });
  world.clock.run(end + weather.deadline + 20s);
  world.check_all_ended();
}

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
