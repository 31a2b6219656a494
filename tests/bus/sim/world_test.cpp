#include "bus/sim/world.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace zswarm::bus {
namespace {

/// Counts what the nodes tell.
class Tally : public Observer {
 public:
  void on_event(Time, std::uint32_t node, const OverlayEvent& event) override {
    if (std::holds_alternative<Delivered>(event)) ++delivered[node];
    if (const auto* dead = std::get_if<Dead>(&event)) {
      dead_known[dead->id].insert(node);
      ++deaths;
    }
    if (const auto* refuted = std::get_if<Refuted>(&event)) dead_known[refuted->id].erase(node);
  }
  std::map<std::uint32_t, int> delivered;
  std::map<NodeId, std::set<std::uint32_t>> dead_known;
  int deaths = 0;
};

WorldConfig quiet_world(std::uint32_t nodes, std::uint64_t seed) {
  WorldConfig config;
  config.nodes = nodes;
  config.seed = seed;
  config.overlay.announce_joins = false;
  return config;
}

void run_for(World& world, Duration time) {
  world.run_until(world.now() + time);
}

std::size_t reached_from(const World& world, std::uint32_t start) {
  std::set<std::uint32_t> seen{start};
  std::vector<std::uint32_t> next{start};
  while (!next.empty()) {
    const std::uint32_t node = next.back();
    next.pop_back();
    for (const Peer& peer : world.overlay(node).active()) {
      const std::uint32_t other = world.cards().number(peer.id);
      if (seen.insert(other).second) next.push_back(other);
    }
  }
  return seen.size();
}

/// Links that only one end counts as such, and links without exactly one subscription.
std::pair<int, int> faulty_links(const World& world) {
  int one_sided = 0, mute = 0;
  for (std::uint32_t i = 0; i < world.size(); ++i) {
    if (world.state(i) != World::State::kRunning) continue;
    for (const Peer& peer : world.overlay(i).active()) {
      const std::uint32_t other = world.cards().number(peer.id);
      bool back = false;
      if (world.state(other) == World::State::kRunning) {
        for (const Peer& p : world.overlay(other).active()) back = back || p.id == world.cards().id(i);
      }
      one_sided += back ? 0 : 1;
      mute +=
          world.is_subscribed(other, i, Topic::kEager) != world.is_subscribed(other, i, Topic::kLazy) ? 0 : 1;
    }
  }
  return {one_sided, mute};
}

TEST(World, SettlesIntoOnePieceOfMutualLinks) {
  Tally tally;
  World world(quiet_world(300, 1), tally);
  for (std::uint32_t i = 0; i < 300; ++i) {
    world.start(i, i == 0 ? 0 : i % std::min(i, 3u));
    run_for(world, 10ms);
  }
  run_for(world, 20s);
  EXPECT_EQ(reached_from(world, 0), 300u);
  // A link that is being renewed at this moment may be half there.
  const auto [one_sided, mute] = faulty_links(world);
  EXPECT_LE(one_sided, 2);
  EXPECT_LE(mute, 4);
  for (std::uint32_t i = 0; i < 300; ++i) {
    EXPECT_GE(world.overlay(i).active().size(), 3u);
    EXPECT_LE(world.overlay(i).active().size(), 7u);
    EXPECT_LE(world.overlay(i).passive().size(), 30u);
  }
}

TEST(World, HealsAPartition) {
  Tally tally;
  World world(quiet_world(60, 2), tally);
  world.start_warm();
  run_for(world, 5s);
  for (std::uint32_t i = 0; i < 30; ++i) world.set_side(i, 1);
  run_for(world, 30s);
  EXPECT_EQ(reached_from(world, 0), 30u);
  std::size_t believed_dead = 0;
  for (const auto& [id, who] : tally.dead_known) believed_dead += who.size();
  EXPECT_GT(believed_dead, 60u * 25u);  // a few had no neighbour on the other side who could miss them
  for (std::uint32_t i = 0; i < 30; ++i) world.set_side(i, 0);
  run_for(world, 20s);
  EXPECT_EQ(reached_from(world, 0), 60u);
  for (const auto& [id, who] : tally.dead_known) EXPECT_TRUE(who.empty());
  world.broadcast(0, Bytes{1});
  run_for(world, 3s);
  EXPECT_EQ(tally.delivered.size(), 59u);
}

TEST(World, AResetConnectionTellsOfACrashSooner) {
  const auto known_after = [](bool resets) {
    Tally tally;
    WorldConfig config = quiet_world(100, 3);
    config.crash_resets_connections = resets;
    World world(config, tally);
    world.start_warm();
    run_for(world, 10s);
    world.kill(5);
    Duration waited{0};
    while (tally.dead_known[world.cards().id(5)].size() < 99 && waited < 20s) {
      run_for(world, 50ms);
      waited += 50ms;
    }
    return waited;
  };
  EXPECT_LT(known_after(true), known_after(false));
  EXPECT_LT(known_after(false), 6s);
}

TEST(World, AProcessThatIsFrozenForTenSecondsIsNotCalledDead) {
  Tally tally;
  World world(quiet_world(60, 8), tally);
  world.start_warm();
  run_for(world, 10s);
  world.freeze(7);
  run_for(world, 10s);
  world.thaw(7);
  run_for(world, 10s);
  EXPECT_EQ(tally.deaths, 0);
}

TEST(World, AMachineThatSleepsForTenSecondsIsCalledDeadAndRefutesIt) {
  Tally tally;
  WorldConfig config = quiet_world(60, 8);
  config.frozen_machines_answer = false;
  World world(config, tally);
  world.start_warm();
  run_for(world, 10s);
  world.freeze(7);
  run_for(world, 10s);
  EXPECT_EQ(tally.dead_known[world.cards().id(7)].size(), 59u);
  world.thaw(7);
  run_for(world, 10s);
  EXPECT_TRUE(tally.dead_known[world.cards().id(7)].empty());
}

TEST(World, AProcessThatStaysFrozenIsDeadWithinAMinute) {
  Tally tally;
  World world(quiet_world(60, 9), tally);
  world.start_warm();
  run_for(world, 10s);
  world.freeze(7);
  run_for(world, 60s);
  EXPECT_EQ(tally.dead_known[world.cards().id(7)].size(), 59u);
}

TEST(World, WhoDiesWithAllItsNeighboursIsFoundByAudits) {
  Tally tally;
  World world(quiet_world(60, 10), tally);
  world.start_warm();
  run_for(world, 10s);
  std::vector<std::uint32_t> dying = {7};
  for (const Peer& peer : world.overlay(7).active()) dying.push_back(world.cards().number(peer.id));
  for (const std::uint32_t node : dying) world.kill(node);
  run_for(world, 20s);
  const auto known = [&] { return tally.dead_known[world.cards().id(7)].size(); };
  EXPECT_EQ(known(), 0u) << "nobody misses it";
  run_for(world, 900s);
  EXPECT_EQ(known(), 60u - dying.size());
}

TEST(World, WhoHasLeftSendsNothing) {
  Tally tally;
  World world(quiet_world(50, 4), tally);
  world.start_warm();
  run_for(world, 5s);
  world.leave(7);
  run_for(world, 1s);
  const std::uint64_t sent = world.bytes_sent(7);
  run_for(world, 60s);
  EXPECT_EQ(world.bytes_sent(7), sent);
  EXPECT_TRUE(tally.dead_known.empty());
}

TEST(World, ARestartedNodeLinksAgain) {
  Tally tally;
  World world(quiet_world(50, 5), tally);
  world.start_warm();
  run_for(world, 5s);
  world.kill(7);
  run_for(world, 10s);
  world.start(7, 3);
  run_for(world, 5s);
  EXPECT_GE(world.overlay(7).active().size(), 3u);
  EXPECT_EQ(reached_from(world, 7), 50u);
}

TEST(World, LostAnnouncementsAreMadeUpForByDigests) {
  // All news that a cut-off node missed are announced again when it has links again.
  Tally tally;
  World world(quiet_world(40, 6), tally);
  world.start_warm();
  run_for(world, 5s);
  world.set_side(9, 1);
  run_for(world, 500ms);
  for (std::uint8_t n = 0; n < 5; ++n) world.broadcast(n, Bytes{n});
  run_for(world, 1s);
  EXPECT_EQ(tally.delivered[9], 0);
  world.set_side(9, 0);
  run_for(world, 10s);
  EXPECT_EQ(tally.delivered[9], 5);
}

}  // namespace
}  // namespace zswarm::bus
