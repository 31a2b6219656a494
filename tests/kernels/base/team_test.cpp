#include "kernels/base/team.h"

#include <gtest/gtest.h>

#include <numeric>
#include <thread>
#include <vector>

namespace zswarm {
namespace {

struct Helpers {
  explicit Helpers(Team& t) : team(t) {
    for (std::size_t i = 1; i < team.size(); ++i) threads.emplace_back([this, i] { team.serve(i); });
  }
  ~Helpers() {
    team.stop();
    for (std::thread& thread : threads) thread.join();
  }
  Team& team;
  std::vector<std::thread> threads;
};

TEST(Team, runs_the_function_once_on_every_member) {
  for (const std::size_t size : {1u, 2u, 5u}) {
    Team team(size);
    Helpers helpers(team);
    for (int round = 0; round < 200; ++round) {
      std::vector<int> calls(size);
      team.run([&](std::size_t member) { ++calls[member]; });
      EXPECT_EQ(calls, std::vector<int>(size, 1));
    }
  }
}

TEST(Team, hands_out_every_index_once_in_every_round) {
  Team team(3);
  Helpers helpers(team);
  constexpr std::size_t kCount = 101;
  std::vector<std::vector<int>> taken(50, std::vector<int>(kCount));
  team.run([&](std::size_t) {
    for (auto& round : taken) {
      for (std::size_t i = team.claim(kCount); i < kCount; i = team.claim(kCount)) ++round[i];
      team.barrier();
    }
  });
  for (const auto& round : taken) EXPECT_EQ(round, std::vector<int>(kCount, 1));
}

TEST(Team, hands_out_every_range_once_long_ones_first) {
  Team team(3);
  Helpers helpers(team);
  constexpr std::size_t kCount = 1000, kMost = 100;
  std::vector<std::vector<int>> taken(50, std::vector<int>(kCount));
  std::vector<std::atomic<int>> last(50);
  team.run([&](std::size_t) {
    for (std::size_t round = 0; round < taken.size(); ++round) {
      for (auto [begin, end] = team.claim_range(kCount, kMost); begin < end;) {
        EXPECT_LE(end - begin, begin == 0 ? kMost : std::max<std::size_t>((kCount - begin) / 6, 1));
        for (std::size_t i = begin; i < end; ++i) ++taken[round][i];
        if (end == kCount) last[round] = static_cast<int>(end - begin);
        const auto next = team.claim_range(kCount, kMost);
        begin = next.begin, end = next.end;
      }
      team.barrier();
    }
  });
  for (const auto& round : taken) EXPECT_EQ(round, std::vector<int>(kCount, 1));
  for (const auto& size : last) EXPECT_EQ(size, 1);
}

TEST(Team, barrier_shows_every_member_what_the_others_wrote_before_it) {
  Team team(4);
  Helpers helpers(team);
  std::vector<int> cells(4);
  bool all_seen[4] = {true, true, true, true};
  team.run([&](std::size_t member) {
    for (int round = 1; round <= 300; ++round) {
      cells[member] = round;
      team.barrier();
      if (std::accumulate(cells.begin(), cells.end(), 0) != 4 * round) all_seen[member] = false;
      team.barrier();
    }
  });
  for (const bool seen : all_seen) EXPECT_TRUE(seen);
}

}  // namespace
}  // namespace zswarm
