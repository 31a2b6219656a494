#include "bus/discovery/contacts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace zswarm::bus {
namespace {

using namespace std::chrono_literals;

std::vector<Endpoint> hosts(const std::string& name, std::size_t count) {
  std::vector<Endpoint> made;
  for (std::size_t i = 0; i < count; ++i) made.push_back({name + std::to_string(i), 7000});
  return made;
}

/// Everything asked until `end`, with the times.
std::multimap<Duration, std::string> asked_until(Contacts& contacts, std::size_t neighbours, Duration end) {
  std::multimap<Duration, std::string> asked;
  Time now;
  do {
    for (const Endpoint& address : contacts.due(now, neighbours))
      asked.emplace(now.since_start, address.host);
    now = std::max(contacts.next_timer(), now + 1us);
  } while (now.since_start <= end);
  return asked;
}

TEST(Contacts, ALonelyNodeAsksAllBootstrapAddressesAtOnceAndSomeRememberedOnes) {
  Contacts contacts({}, hosts("boot", 2), hosts("old", 10), 1);
  EXPECT_EQ(contacts.due(Time{}, 0).size(), 5u);
}

TEST(Contacts, AllRememberedOnesAreAskedWithinTwoSeconds) {
  Contacts contacts({}, {}, hosts("old", 10), 1);
  std::set<std::string> heard;
  for (const auto& [time, host] : asked_until(contacts, 0, 2s)) heard.insert(host);
  EXPECT_EQ(heard.size(), 10u);
}

TEST(Contacts, BootstrapAddressesAreAskedAgainEverMoreSeldomButForEver) {
  Contacts contacts({}, hosts("boot", 1), {}, 1);
  const auto asked = asked_until(contacts, 0, 600s);
  EXPECT_GE(std::count_if(asked.begin(), asked.end(), [](const auto& a) { return a.first <= 10s; }), 3);
  EXPECT_GE(asked.size(), 30u);
  EXPECT_LE(asked.size(), 60u);
}

TEST(Contacts, ANodeWithNeighboursAsksOneBootstrapAddressAMinute) {
  Contacts contacts({}, hosts("boot", 5), hosts("old", 5), 1);
  const auto asked = asked_until(contacts, 3, 600s);
  EXPECT_GE(asked.size(), 7u);
  EXPECT_LE(asked.size(), 13u);
  for (const auto& [time, host] : asked) EXPECT_TRUE(host.starts_with("boot")) << host;
}

TEST(Contacts, ANodeThatLosesItsNeighboursAsksAtOnce) {
  Contacts contacts({}, hosts("boot", 2), {}, 1);
  (void)contacts.due(Time{}, 3);
  EXPECT_TRUE(contacts.due(Time{1s}, 3).empty());
  EXPECT_EQ(contacts.due(Time{2s}, 0).size(), 2u);
}

TEST(Contacts, AnAddressThatIsOurselvesIsLeftOut) {
  Contacts contacts({}, hosts("boot", 2), hosts("old", 1), 1);
  contacts.leave_out({"boot0", 7000});
  contacts.leave_out({"old0", 7000});
  const auto asked = contacts.due(Time{}, 0);
  EXPECT_EQ(asked, (std::vector<Endpoint>{{"boot1", 7000}}));
}

TEST(Contacts, WithoutAddressesNothingIsDue) {
  Contacts contacts({}, {}, {}, 1);
  EXPECT_TRUE(contacts.due(Time{}, 0).empty());
  EXPECT_EQ(contacts.next_timer(), kNever);
}

TEST(Contacts, AreBounded) {
  Contacts contacts({}, hosts("boot", 1000), hosts("old", 1000), 1);
  std::set<std::string> heard;
  for (const auto& [time, host] : asked_until(contacts, 0, 60s)) heard.insert(host);
  EXPECT_EQ(heard.size(), ContactsConfig{}.bootstrap_max + kRememberedMax);
}

}  // namespace
}  // namespace zswarm::bus
