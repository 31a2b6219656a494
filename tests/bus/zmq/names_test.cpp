#include "bus/zmq/names.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace zswarm::bus {
namespace {

using namespace std::chrono_literals;

Time now() {
  return {std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())};
}

/// Polls until the name is answered.
std::optional<std::vector<std::string>> answer(Names& names, const std::string& host) {
  const Time until = now() + 30s;
  auto found = names.find(now(), host);
  while (!found && now() < until) {
    (void)names.poll(now());
    found = names.find(now(), host);
  }
  return found;
}

TEST(Names, AddressesAreThemselvesAtOnce) {
  Names names;
  EXPECT_EQ(names.find(now(), "192.0.2.7"), std::vector<std::string>{"192.0.2.7"});
  EXPECT_EQ(names.find(now(), "2001:db8::7"), std::vector<std::string>{"2001:db8::7"});
  EXPECT_FALSE(names.waits());
}

TEST(Names, LocalhostIsLoopback) {
  Names names;
  const auto found = answer(names, "localhost");
  ASSERT_TRUE(found);
  EXPECT_NE(std::find(found->begin(), found->end(), "127.0.0.1"), found->end());
  EXPECT_FALSE(names.waits());
}

TEST(Names, ANameThatNobodyHasIsAnsweredWithNothing) {
  Names names;
  const auto found = answer(names, "no-such-host.invalid");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->empty());
}

TEST(Names, ManyUnansweredOnesAreBoundedAndMayBeLeftBehind) {
  Names names;
  for (int i = 0; i < 1000; ++i)
    (void)names.find(Time{Duration(i)}, "host-" + std::to_string(i) + ".invalid");
  EXPECT_TRUE(names.waits());
  // The destructor does not wait for any of them.
}

}  // namespace
}  // namespace zswarm::bus
