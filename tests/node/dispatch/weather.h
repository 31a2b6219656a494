// What happens to a world of a simulation: requests at random times, kills, freezes and cut links.
#pragma once

#include <cmath>

#include "tests/node/dispatch/virtual_world.h"

namespace zswarm::test {

using namespace std::chrono_literals;

struct Weather {
  std::size_t requests = 400;
  double per_s = 20;
  bus::Duration kill_every{0}, freeze_every{0}, cut_every{0};
  bus::Duration restart_after = 8s, deadline = 120s;
};

inline node::EntryRequest some_request(bus::Random& random, const Weather& weather) {
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
inline void drive(VirtualWorld& world, std::size_t nodes, std::uint64_t seed, const Weather& weather) {
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

}  // namespace zswarm::test
