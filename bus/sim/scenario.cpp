#include "bus/sim/scenario.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "bus/ledger/hlc.h"

namespace zswarm::bus {
namespace {

constexpr std::int64_t kWallStartMs = 1'800'000'000'000;
constexpr std::size_t kSampleOfKilled = 200;
constexpr Duration kHealingStep{100'000};

double seconds(Duration d) {
  return static_cast<double>(d.count()) * 1e-6;
}

std::optional<double> mean_seconds(const std::vector<Duration>& times) {
  if (times.empty()) return std::nullopt;
  return seconds(std::accumulate(times.begin(), times.end(), Duration(0))) /
         static_cast<double>(times.size());
}

/// What all nodes have to learn: news, or a crash.
struct Spread {
  Time since;
  std::uint32_t readers = 0;  // who ran when it began, without its origin
  std::uint32_t known = 0;
  std::vector<bool> knows;  // by node
  Time at_9999 = kNever, at_all = kNever;
  bool after_kill = false;

  void learnt(Time now, std::uint32_t node) {
    if (knows[node]) return;
    knows[node] = true;
    ++known;
    if (at_9999 == kNever && known >= readers - readers / 10'000) at_9999 = now;
    if (at_all == kNever && known >= readers) at_all = now;
  }
};

class Scenario : public Observer {
 public:
  explicit Scenario(const ScenarioConfig& config)
      : config_(config),
        random_(mixed(config.world.seed ^ 0x7363656e)),
        world_(config.world, *this),
        clocks_(config.world.nodes) {
    const auto skew_ms = config.skew.count() / 1000;
    for (Clock& clock : clocks_)
      clock.skew_ms =
          static_cast<std::int64_t>(random_.below(static_cast<std::size_t>(2 * skew_ms) + 1)) - skew_ms;
  }

  Figures run();
  void on_event(Time now, std::uint32_t node, const OverlayEvent& event) override;

 private:
  struct Clock {
    std::int64_t skew_ms = 0;
    HybridClock hybrid;
  };

  [[nodiscard]] Time sixth(int n) const { return Time{config_.duration * n / 6}; }
  /// Lets the world run, with the freezes that fall into that time.
  void run_until(Time end);
  void turn_freezes();
  void begin();
  void crash_one();
  void broadcast_one(bool after_kill);
  void kill_many();
  [[nodiscard]] std::uint32_t some_running(bool honest);
  [[nodiscard]] Spread spread() const;
  void part_and_heal(Figures& figures);
  [[nodiscard]] bool in_one_piece() const;
  void measure_idle(Figures& figures);
  [[nodiscard]] std::uint64_t honest_bytes() const;
  [[nodiscard]] WallTime wall(Time now, std::uint32_t node) const {
    return {kWallStartMs + now.since_start / std::chrono::milliseconds(1) + clocks_[node].skew_ms};
  }
  void on_delivered(Time now, std::uint32_t node, ByteView payload);
  void conclude(Figures& figures) const;
  void conclude_killed(Figures& figures) const;

  const ScenarioConfig config_;
  Random random_;
  World world_;
  bool freezing_ = false;
  Time next_freeze_;
  std::vector<std::pair<Time, std::uint32_t>> frozen_;
  std::vector<Spread> news_;
  std::map<std::uint32_t, Spread> crashes_;  // by node
  std::map<std::uint32_t, Spread> killed_;   // a sample
  std::vector<Clock> clocks_;
  std::uint64_t false_deaths_ = 0, false_deaths_frozen_ = 0, suspicions_ = 0, refused_ahead_ = 0;
};

void Scenario::on_event(Time now, std::uint32_t node, const OverlayEvent& event) {
  if (const auto* delivered = std::get_if<Delivered>(&event)) {
    on_delivered(now, node, SimulatedCards::content(delivered->payload));
  } else if (const auto* dead = std::get_if<Dead>(&event)) {
    const std::uint32_t victim = world_.cards().number(dead->id);
    if (victim >= world_.size()) return;
    const World::State state = world_.state(victim);
    if (dead->found_here && !world_.is_hostile(node) && state != World::State::kDead) {
      ++false_deaths_;
      if (state == World::State::kFrozen) ++false_deaths_frozen_;
    }
    if (const auto at = crashes_.find(victim); at != crashes_.end() && !world_.is_hostile(node))
      at->second.learnt(now, node);
    if (const auto at = killed_.find(victim); at != killed_.end() && !world_.is_hostile(node))
      at->second.learnt(now, node);
  } else if (std::holds_alternative<Suspected>(event)) {
    ++suspicions_;
  }
}

void Scenario::on_delivered(Time now, std::uint32_t node, ByteView payload) {
  // Ours say which they are, and when they were written; those of hostile members do not.
  Reader fields = Reader::of_bytes(payload);
  const std::uint64_t number = fields.uint();
  const Hlc stamp{fields.uint()};
  if (!fields.ok() || number >= news_.size()) return;
  if (!clocks_[node].hybrid.observe(stamp, wall(now, node))) {
    ++refused_ahead_;
    return;
  }
  if (!world_.is_hostile(node)) news_[number].learnt(now, node);
}

void Scenario::run_until(Time end) {
  while (freezing_ && next_freeze_ < end) {
    world_.run_until(next_freeze_);
    turn_freezes();
    next_freeze_ = next_freeze_ + Duration(500'000);
  }
  world_.run_until(end);
}

void Scenario::turn_freezes() {
  const Time now = world_.now();
  for (auto& [until, node] : frozen_) {
    if (until <= now) world_.thaw(node);
  }
  std::erase_if(frozen_, [&](const auto& entry) { return entry.first <= now; });
  const auto wanted = static_cast<std::size_t>(config_.freeze * world_.size());
  // Spread over the first freeze_time, then as the others thaw.
  const auto turns = static_cast<std::size_t>(config_.freeze_time / Duration(500'000));
  const std::size_t now_at_most = frozen_.size() + wanted / std::max<std::size_t>(turns, 1) + 1;
  while (frozen_.size() < std::min(wanted, now_at_most)) {
    const std::uint32_t node = some_running(false);
    world_.freeze(node);
    frozen_.emplace_back(now + config_.freeze_time, node);
  }
}

std::uint32_t Scenario::some_running(bool honest) {
  for (std::uint32_t tries = 0; tries < 100'000; ++tries) {
    const auto node = static_cast<std::uint32_t>(random_.below(world_.size()));
    if (world_.state(node) == World::State::kRunning && !(honest && world_.is_hostile(node))) return node;
  }
  return 0;
}

void Scenario::begin() {
  if (config_.warm) {
    world_.start_warm();
  } else {
    const std::uint32_t contacts = std::max(1u, std::min(config_.contacts, world_.size()));
    const Duration gap = config_.duration / 12 / world_.size();
    for (std::uint32_t i = 0; i < world_.size(); ++i) {
      world_.start(i, i == 0 ? 0 : static_cast<std::uint32_t>(random_.below(std::min(i, contacts))));
      world_.run_until(world_.now() + gap);
    }
  }
}

Spread Scenario::spread() const {
  Spread s;
  s.since = world_.now();
  s.knows.resize(world_.size());
  for (std::uint32_t i = 0; i < world_.size(); ++i) {
    const World::State state = world_.state(i);
    const bool lives = state == World::State::kRunning || state == World::State::kFrozen;
    s.readers += lives && !world_.is_hostile(i) ? 1u : 0u;
  }
  return s;
}

void Scenario::broadcast_one(bool after_kill) {
  const std::uint32_t origin = some_running(true);
  const auto number = static_cast<std::uint32_t>(news_.size());
  news_.push_back(spread());
  news_.back().after_kill = after_kill;
  --news_.back().readers;
  news_.back().knows[origin] = true;
  const Result<Hlc> stamp = clocks_[origin].hybrid.tick(wall(world_.now(), origin));
  if (!stamp) return;  // its clock is too far behind what it has read: it cannot write, so these reach nobody
  world_.broadcast(origin, Writer(2).uint(number).uint(stamp->packed).take());
}

void Scenario::crash_one() {
  const std::uint32_t victim = some_running(true);
  world_.kill(victim);
  crashes_.emplace(victim, spread());
  // Who is gone cannot learn, neither of this one nor of earlier ones.
  for (auto& [node, crash] : crashes_) {
    if (node != victim && !crash.knows[victim]) --crash.readers;
  }
  for (Spread& news : news_) {
    if (!news.knows[victim]) --news.readers;
  }
}

void Scenario::kill_many() {
  const auto count = static_cast<std::uint32_t>(config_.kill * world_.size());
  std::vector<std::uint32_t> nodes;
  for (std::uint32_t i = 0; i < world_.size(); ++i) {
    if (world_.state(i) == World::State::kRunning) nodes.push_back(i);
  }
  for (std::uint32_t i = 0; i < count && nodes.size() > 2; ++i) {
    const std::size_t at = random_.below(nodes.size());
    world_.kill(nodes[at]);
    if (killed_.size() < kSampleOfKilled) killed_.try_emplace(nodes[at]);
    nodes[at] = nodes.back();
    nodes.pop_back();
  }
  for (auto& [node, known] : killed_) known = spread();
}

Figures Scenario::run() {
  begin();
  run_until(sixth(1));
  freezing_ = config_.freeze > 0;
  next_freeze_ = world_.now();
  const auto hostile = static_cast<std::uint32_t>(config_.hostile * world_.size());
  for (std::uint32_t i = 0; i < hostile; ++i) world_.make_hostile(some_running(true));

  Figures figures;
  if (config_.partition > 0) part_and_heal(figures);
  measure_idle(figures);

  const std::uint32_t crashes =
      config_.crashes > 0 ? config_.crashes : std::clamp(world_.size() / 50, 1u, 20u);
  // News all through the sixth; crashes in its first half, so that they are known before more happens.
  const Duration sixth_part = config_.duration / 6;
  std::uint32_t sent = 0, crashed = 0;
  while (sent < config_.news || crashed < crashes) {
    const Time next_news = sent < config_.news ? sixth(3) + sixth_part * sent / config_.news : kNever;
    const Time next_crash = crashed < crashes ? sixth(3) + sixth_part * crashed / (crashes * 2) : kNever;
    run_until(std::min(next_news, next_crash));
    if (next_news <= next_crash) {
      broadcast_one(false);
      ++sent;
    } else {
      if (world_.size() > 3) crash_one();
      ++crashed;
    }
  }
  if (config_.kill > 0) {
    run_until(sixth(4) + config_.duration / 24);
    kill_many();
    for (std::uint32_t i = 0; i < config_.news; ++i) {
      run_until(world_.now() + config_.duration / 8 / config_.news);
      broadcast_one(true);
    }
  }
  run_until(sixth(6));
  conclude(figures);
  return figures;
}

void Scenario::part_and_heal(Figures& figures) {
  const auto cut_off = static_cast<std::uint32_t>(config_.partition * world_.size());
  for (std::uint32_t i = 0; i < cut_off; ++i) world_.set_side(i, 1);
  run_until(sixth(2));
  for (std::uint32_t i = 0; i < cut_off; ++i) world_.set_side(i, 0);
  while (world_.now() < sixth(3) && !in_one_piece()) run_until(world_.now() + kHealingStep);
  if (in_one_piece()) figures.healed_s = seconds(world_.now() - sixth(2));
}

bool Scenario::in_one_piece() const {
  std::vector<bool> seen(world_.size());
  std::vector<std::uint32_t> next;
  std::uint32_t reached = 0, living = 0;
  for (std::uint32_t i = 0; i < world_.size(); ++i) {
    if (world_.state(i) != World::State::kRunning && world_.state(i) != World::State::kFrozen) continue;
    if (++living > 1) continue;
    seen[i] = true;
    next.push_back(i);
  }
  while (!next.empty()) {
    const std::uint32_t node = next.back();
    next.pop_back();
    ++reached;
    if (world_.state(node) == World::State::kDead) continue;
    for (const Peer& peer : world_.overlay(node).active()) {
      const std::uint32_t other = world_.cards().number(peer.id);
      if (seen[other] || world_.state(other) == World::State::kDead) continue;
      seen[other] = true;
      next.push_back(other);
    }
  }
  return reached == living;
}

std::uint64_t Scenario::honest_bytes() const {
  std::uint64_t bytes = 0;
  for (std::uint32_t i = 0; i < world_.size(); ++i) bytes += world_.is_hostile(i) ? 0 : world_.bytes_sent(i);
  return bytes;
}

void Scenario::measure_idle(Figures& figures) {
  std::uint32_t honest = 0;
  std::size_t links = 0;
  for (std::uint32_t i = 0; i < world_.size(); ++i) honest += world_.is_hostile(i) ? 0u : 1u;
  const Time since = world_.now();
  const std::uint64_t before = honest_bytes();
  run_until(sixth(3));
  if (world_.now() > since) {
    figures.idle_bytes_per_node_s =
        static_cast<double>(honest_bytes() - before) / honest / seconds(world_.now() - since);
  }
  for (std::uint32_t i = 0; i < world_.size(); ++i) links += world_.overlay(i).active().size();
  figures.mean_links = static_cast<double>(links) / world_.size();
}

void Scenario::conclude_killed(Figures& figures) const {
  if (killed_.empty()) return;
  std::uint64_t readers = 0, known = 0;
  Duration slowest{0};
  bool all = true;
  for (const auto& [node, spread] : killed_) {
    readers += spread.readers;
    known += spread.known;
    all = all && spread.at_all != kNever;
    if (all) slowest = std::max(slowest, spread.at_all - spread.since);
  }
  figures.killed_known = static_cast<double>(known) / static_cast<double>(readers);
  if (all) figures.killed_known_s = seconds(slowest);
}

void Scenario::conclude(Figures& figures) const {
  figures.virtual_s = seconds(config_.duration);
  figures.false_deaths = false_deaths_;
  figures.false_deaths_frozen = false_deaths_frozen_;
  figures.node_s = seconds(sixth(6) - sixth(1)) * world_.size();
  figures.refused_ahead = refused_ahead_;
  figures.suspicions = suspicions_;
  figures.messages = world_.messages();
  figures.trace_hash = world_.trace_hash();
  conclude_killed(figures);

  Duration slowest{0};
  std::vector<Duration> whole;  // of news that reached everybody
  bool all = true;
  std::uint64_t readers = 0, reached = 0;
  for (const Spread& news : news_) {
    if (!news.after_kill) {
      all = all && news.at_9999 != kNever;
      slowest = std::max(slowest, news.at_9999 == kNever ? Duration(0) : news.at_9999 - news.since);
      if (news.at_all != kNever) whole.push_back(news.at_all - news.since);
    }
    if (config_.kill > 0 && !news.after_kill) continue;
    for (std::uint32_t i = 0; i < world_.size(); ++i) {
      const World::State state = world_.state(i);
      if ((state != World::State::kRunning && state != World::State::kFrozen) || world_.is_hostile(i))
        continue;
      ++readers;
      reached += news.knows[i] ? 1 : 0;
    }
  }
  if (all && !news_.empty()) figures.converged_9999_s = seconds(slowest);
  figures.news_mean_s = mean_seconds(whole);
  if (readers > 0)
    figures.delivered_to_survivors = static_cast<double>(reached) / static_cast<double>(readers);

  std::vector<Duration> known;
  for (const auto& [node, crash] : crashes_) {
    if (crash.at_all == kNever && config_.kill == 0) return;  // never known to all: there is no figure
    if (crash.at_all != kNever) known.push_back(crash.at_all - crash.since);
  }
  if (known.empty()) return;
  std::sort(known.begin(), known.end());
  figures.crash_known_p99_s = seconds(known[(known.size() * 99 - 1) / 100]);
  figures.crash_known_mean_s = mean_seconds(known);
}

}  // namespace

Figures run_scenario(const ScenarioConfig& config) {
  return Scenario(config).run();
}

}  // namespace zswarm::bus
