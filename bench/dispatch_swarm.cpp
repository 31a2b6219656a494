// Many nodes and entries under a virtual clock while nodes die, freeze and are cut off: what clients notice
// of it, how even the load is, and how often something was tried again. Every stream is compared with the
// undisturbed one.
//
//   dispatch_swarm [nodes [entries [requests [seed]]]]
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

#include "tests/node/dispatch/weather.h"

namespace {

using namespace zswarm;
using namespace zswarm::test;

double ms(bus::Duration d) {
  return static_cast<double>(d.count()) * 1e-3;
}

double quantile(std::vector<double>& values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int at, std::uint64_t otherwise) {
    return argc > at ? std::strtoull(argv[at], nullptr, 10) : otherwise;
  };
  VirtualWorldConfig config;
  config.nodes = number(1, 1000);
  config.entries = number(2, 100);
  config.seed = number(4, 1);
  config.slowness = [](std::size_t n) { return n % 50 == 1 ? 8.0 : 1.0; };
  config.conduct = [](std::size_t n) {
    return n % 100 == 3 ? Conduct::kGarbles : n % 100 == 5 ? Conduct::kBoasts : Conduct::kHonest;
  };
  config.hint_delay_max = 2s;
  Weather weather;
  weather.requests = number(3, 20'000);
  weather.per_s = static_cast<double>(config.nodes) * 0.7;
  weather.kill_every = weather.freeze_every = weather.cut_every = 250ms;

  const auto begin = std::chrono::steady_clock::now();
  VirtualWorld world(config);
  drive(world, config.nodes, config.seed, weather);
  const double wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();

  std::size_t finished = 0, failed = 0;
  std::vector<double> first_ms, gap_ms;
  node::Entry::Stats sum;
  for (std::size_t e = 0; e < config.entries; ++e) {
    for (const auto& [id, client] : world.clients(e)) {
      client.error ? ++failed : ++finished;
      first_ms.push_back(ms(client.first_token));
      gap_ms.push_back(ms(client.longest_gap));
    }
    const node::Entry::Stats& stats = world.entry(e).stats();
    sum.tries += stats.tries, sum.failovers += stats.failovers, sum.retries += stats.retries;
    sum.hedges += stats.hedges, sum.stalls += stats.stalls, sum.faults += stats.faults;
  }
  double tokens = 0, most = 0, honest = 0;
  for (std::size_t n = 0; n < config.nodes; ++n) {
    if (config.slowness(n) > 1 || config.conduct(n) != Conduct::kHonest) continue;
    const auto here = static_cast<double>(world.tokens_computed(n));
    tokens += here, most = std::max(most, here), honest += 1;
  }
  fmt::print("{} nodes, {} entries, {} requests, seed {}: {:.1f} s of computing\n", config.nodes,
             config.entries, weather.requests, config.seed, wall_s);
  fmt::print("finished {}  failed {}  refused {}  streams that differ {}\n", finished, failed, world.refused,
             world.faults.size());
  fmt::print(
      "tries {}  failovers {}  retries {}  hedges {}  stalls {}  wrong "
      "answers {}\n",
      sum.tries, sum.failovers, sum.retries, sum.hedges, sum.stalls, sum.faults);
  fmt::print(
      "first token, ms: p50 {:.0f}  p99 {:.0f}\nlongest pause of a "
      "stream, ms: p50 {:.0f}  p99 {:.0f}  max {:.0f}\n",
      quantile(first_ms, 0.5), quantile(first_ms, 0.99), quantile(gap_ms, 0.5), quantile(gap_ms, 0.99),
      quantile(gap_ms, 1));
  fmt::print(
      "tokens of the busiest node / mean: {:.2f}   most that waited at "
      "one entry: {}\ntrace {:016x}\n",
      most / (tokens / honest), world.most_waiting, world.trace_hash());
  for (std::size_t i = 0; i < std::min<std::size_t>(world.faults.size(), 5); ++i)
    fmt::print("{}\n", world.faults[i]);
  return world.faults.empty() ? 0 : 1;
}
