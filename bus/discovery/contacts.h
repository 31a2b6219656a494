// When to say hello at addresses that are known beforehand: those that a person or the token names
// (*bootstrap*), and those remembered from the last run.
//
// While nobody is a neighbour, all bootstrap addresses are asked at once, and again after gaps that double;
// remembered ones are asked a few at a time beside them, so that a network whose bootstrap node has gone is
// found again. A node that has neighbours asks one bootstrap address now and then: parts of a network that
// lost each other long ago, and have forgotten each other, meet there again.
//
// Addresses may be names; turning them into numbers is the driver's business. Sans-I/O, one thread.
#pragma once

#include <vector>

#include "bus/base/random.h"
#include "bus/base/time.h"
#include "bus/keys/endpoint.h"

namespace zswarm::bus {

inline constexpr std::size_t kRememberedMax = 32;

struct ContactsConfig {
  using Milliseconds = std::chrono::milliseconds;
  Duration again = Milliseconds(1000), again_most = Milliseconds(15'000);
  std::size_t remembered_at_once = 3;
  Duration remembered_every = Milliseconds(500);
  Duration in_touch_every = Milliseconds(60'000);
  std::size_t bootstrap_max = 64;
};

class Contacts {
 public:
  /// What is beyond bootstrap_max and kRememberedMax is left out.
  Contacts(ContactsConfig config, std::vector<Endpoint> bootstrap, std::vector<Endpoint> remembered,
           std::uint64_t seed);

  /// Whom to say hello to now. Call at next_timer(), and when the number of neighbours has changed.
  [[nodiscard]] std::vector<Endpoint> due(Time now, std::size_t neighbours);
  [[nodiscard]] Time next_timer() const;
  /// It has turned out that this is ourselves.
  void leave_out(const Endpoint& address);

 private:
  const ContactsConfig config_;
  std::vector<Endpoint> bootstrap_, remembered_;
  Random random_;
  bool alone_ = true;
  Time round_at_;  // the next round of bootstrap addresses; with neighbours: the next single one
  Duration gap_;
  Time remembered_at_;
  std::size_t next_remembered_ = 0;
};

}  // namespace zswarm::bus
