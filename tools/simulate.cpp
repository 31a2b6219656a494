// zswarm simulate: the network's own protocol code, thousands of nodes, a virtual clock and a virtual
// network.
//
// The same classes that run on the wire (bus/overlay) exchange encoded messages under bus/sim. One seed gives
// one run: the trace hash is the same on every machine.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "bus/sim/scenario.h"
#include "tools/command.h"
#include "tools/output.h"

namespace zswarm::tools {
namespace {

struct SimulateOptions {
  std::uint32_t nodes = 1000;
  std::uint64_t seed = 1;
  double loss = 0, kill = 0, freeze = 0, hostile = 0;
  double partition = 0, skew_s = 0;
  double latency_ms = 5, latency_spread_ms = 75;
  std::uint32_t crashes = 0;
  double duration_s = 60;
  bool join = false;
  bool reset = false;
  bool sleep = false;
  bool json = false;
};

bus::ScenarioConfig scenario_of(const SimulateOptions& options) {
  bus::ScenarioConfig scenario;
  scenario.world.nodes = options.nodes;
  scenario.world.seed = options.seed;
  scenario.world.network.loss = options.loss;
  scenario.kill = options.kill;
  scenario.freeze = options.freeze;
  scenario.hostile = options.hostile;
  scenario.partition = options.partition;
  scenario.crashes = options.crashes;
  scenario.world.network.latency_min = bus::Duration(static_cast<std::int64_t>(options.latency_ms * 1e3));
  scenario.world.network.latency_spread =
      bus::Duration(static_cast<std::int64_t>(options.latency_spread_ms * 1e3));
  // Beside it, what machines add; the default is a twentieth of the spread.
  scenario.world.network.jitter =
      bus::Duration(static_cast<std::int64_t>(options.latency_spread_ms * 1e3 / 20 + 250));
  scenario.skew = bus::Duration(static_cast<std::int64_t>(options.skew_s * 1e6));
  scenario.world.crash_resets_connections = options.reset;
  scenario.world.frozen_machines_answer = !options.sleep;
  scenario.duration = bus::Duration(static_cast<std::int64_t>(options.duration_s * 1e6));
  scenario.warm = !options.join;
  // All nodes of a warm start would announce themselves in the same second.
  scenario.world.overlay.announce_joins = options.join;
  return scenario;
}

std::string seconds_or_never(const std::optional<double>& value) {
  return value ? fmt::format("{:.2f} s", *value) : "never";
}

nlohmann::ordered_json json_or_null(const std::optional<double>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

int simulate(const SimulateOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const bus::Figures figures = bus::run_scenario(scenario_of(options));
  const double wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const std::string hash = fmt::format("{:016x}", figures.trace_hash);
  if (options.json) {
    put_json({{"nodes", options.nodes},
              {"seed", options.seed},
              {"loss", options.loss},
              {"virtual_s", figures.virtual_s},
              {"wall_s", wall_s},
              {"converged_9999_s", json_or_null(figures.converged_9999_s)},
              {"idle_bytes_per_node_s", figures.idle_bytes_per_node_s},
              {"crash_known_p99_s", json_or_null(figures.crash_known_p99_s)},
              {"false_deaths", figures.false_deaths},
              {"delivered_to_survivors", figures.delivered_to_survivors},
              {"trace_hash", hash},
              {"false_deaths_frozen", figures.false_deaths_frozen},
              {"suspicions", figures.suspicions},
              {"node_hours", figures.node_s / 3600},
              {"healed_s", json_or_null(figures.healed_s)},
              {"refused_ahead", figures.refused_ahead},
              {"news_mean_s", json_or_null(figures.news_mean_s)},
              {"crash_known_mean_s", json_or_null(figures.crash_known_mean_s)},
              {"killed_known", json_or_null(figures.killed_known)},
              {"killed_known_s", json_or_null(figures.killed_known_s)}});
    flush();
    return kDone;
  }
  put(fmt::format("{} nodes, seed {}, {} virtual seconds in {:.1f}, {} messages\n", options.nodes,
                  options.seed, figures.virtual_s, wall_s, figures.messages));
  put(fmt::format("news at 99.99 % of the nodes    {}\n", seconds_or_never(figures.converged_9999_s)));
  put(fmt::format("idle traffic of a node          {:.0f} bytes/s sent, {:.1f} neighbours\n",
                  figures.idle_bytes_per_node_s, figures.mean_links));
  put(fmt::format("a crash is known to all (p99)   {}\n", seconds_or_never(figures.crash_known_p99_s)));
  put(fmt::format(
      "living nodes called dead        {} ({} of them frozen), of {} suspicions, in {:.1f} node-hours\n",
      figures.false_deaths, figures.false_deaths_frozen, figures.suspicions, figures.node_s / 3600));
  put(fmt::format("news delivered to survivors     {:.4f} %\n", figures.delivered_to_survivors * 100));
  if (figures.killed_known)
    put(fmt::format("the dead are known as such       by {:.2f} % of the survivors, by all after {}\n",
                    *figures.killed_known * 100, seconds_or_never(figures.killed_known_s)));
  if (options.partition > 0)
    put(fmt::format("the partition is healed after   {}\n", seconds_or_never(figures.healed_s)));
  if (options.skew_s > 0) put(fmt::format("news refused for their stamps   {}\n", figures.refused_ahead));
  put(fmt::format("trace hash                      {}\n", hash));
  flush();
  return kDone;
}

}  // namespace

void add_simulate(CLI::App& app, Action& action) {
  auto options = std::make_shared<SimulateOptions>();
  CLI::App* command =
      app.add_subcommand("simulate", "Run the network's protocol with many nodes under a virtual clock");
  command->add_option("--nodes", options->nodes, "How many nodes")
      ->required()
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("--seed", options->seed, "One seed, one run")->capture_default_str();
  command->add_option("--loss", options->loss, "Share of segments lost, as the delay it causes on TCP")
      ->check(CLI::Range(0.0, 0.5));
  command
      ->add_option("--kill", options->kill, "Share of nodes that die at once, after two thirds of the time")
      ->check(CLI::Range(0.0, 0.99));
  command->add_option("--freeze", options->freeze, "Share of nodes frozen at any time, each for 10 s")
      ->check(CLI::Range(0.0, 0.5));
  command
      ->add_option("--hostile", options->hostile, "Share of members that lie, flood, replay and send garbage")
      ->check(CLI::Range(0.0, 0.5));
  command
      ->add_option("--partition", options->partition,
                   "Share of nodes that the others cannot reach during the second sixth of the time")
      ->check(CLI::Range(0.0, 0.9));
  command
      ->add_option(
          "--skew", options->skew_s,
          "Seconds by which wall clocks are off, at most, either way; news from more than five ahead "
          "are refused")
      ->check(CLI::Range(0.0, 3600.0));
  command->add_flag("--reset", options->reset,
                    "A crash is that of a process, whose connections are reset at once; without it that of a "
                    "machine, which falls silent");
  command->add_flag(
      "--sleep", options->sleep,
      "Frozen nodes are machines that sleep, without an operating system that answers; without it "
      "stopped processes");
  command
      ->add_option("--crashes", options->crashes, "How many nodes crash; without it one in fifty, at most 20")
      ->check(CLI::Range(1, 1000));
  command->add_option("--latency", options->latency_ms, "Milliseconds one way, at least")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 10'000.0));
  command
      ->add_option("--latency-spread", options->latency_spread_ms, "What the farthest pairs have beyond that")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 10'000.0));
  command->add_option("--duration", options->duration_s, "Virtual seconds")
      ->capture_default_str()
      ->check(CLI::Range(12.0, 1e7));
  command->add_flag("--join", options->join,
                    "All nodes join one by one; without it they begin as a network that has run for a while");
  command->add_flag(
      "--json", options->json,
      "Print one JSON object: nodes, seed, loss, virtual_s, wall_s, converged_9999_s, "
      "idle_bytes_per_node_s, crash_known_p99_s, false_deaths, delivered_to_survivors, trace_hash, "
      "false_deaths_frozen, suspicions, node_hours, healed_s, refused_ahead, news_mean_s, "
      "crash_known_mean_s, killed_known, killed_known_s");
  command->footer(
      "Example:\n"
      "  zswarm simulate --nodes 1000 --seed 1 --loss 0.1\n"
      "  zswarm simulate --nodes 1000 --seed 1 --kill 0.8 --json\n"
      "  zswarm simulate --nodes 1000 --seed 1 --loss 0.2 --freeze 0.1 --duration 600\n"
      "  zswarm simulate --nodes 1000 --seed 1 --partition 0.3 --skew 2 --duration 600");
  command->callback([options, &action] { action = [options] { return simulate(*options); }; });
}

}  // namespace zswarm::tools
