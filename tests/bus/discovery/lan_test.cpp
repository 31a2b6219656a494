#include "bus/discovery/lan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>

namespace zswarm::bus {
namespace {

using namespace std::chrono_literals;

NodeId id_of(int number) {
  NodeId id;
  id.bytes[0] = static_cast<std::uint8_t>(number);
  id.bytes[1] = static_cast<std::uint8_t>(number >> 8);
  id.bytes[15] = 1;
  return id;
}

Now at(Duration since_start) {
  return {Time{since_start}, WallTime{1'800'000'000'000 + since_start / 1ms}};
}

Beacon beacon_of(int number, const Now& now, bool seeking = false) {
  Beacon beacon;
  beacon.time = now.wall;
  beacon.node = id_of(number);
  beacon.instance = 1;
  beacon.seeking = seeking;
  beacon.port = 7000;
  return beacon;
}

template <class Kind>
std::vector<Kind> of_kind(const std::vector<Lan::Effect>& effects) {
  std::vector<Kind> found;
  for (const Lan::Effect& effect : effects) {
    if (const auto* one = std::get_if<Kind>(&effect)) found.push_back(*one);
  }
  return found;
}

/// Runs one policy alone until `end`.
std::vector<Duration> calls_until(Lan& lan, Lan::Around around, Duration end) {
  std::vector<Duration> calls;
  while (lan.next_timer() <= Time{end}) {
    const Time now = std::max(lan.next_timer(), Time{});
    lan.on_timer(now, around);
    for (const auto& call : of_kind<Lan::Call>(lan.take_effects())) {
      EXPECT_EQ(call.seeking, around.neighbours == 0);
      calls.push_back(now.since_start);
    }
  }
  return calls;
}

TEST(Lan, ASeekerCallsAtOnceAndThenEverMoreSeldom) {
  Lan lan({}, id_of(1), 1, 1);
  const auto calls = calls_until(lan, {0, 0}, 60s);
  ASSERT_GE(calls.size(), 10u);
  EXPECT_EQ(calls[0], 0s);
  EXPECT_GE(std::count_if(calls.begin(), calls.end(), [](Duration d) { return d <= 1s; }), 4);
  EXPECT_LE(calls.size(), 25u);  // one in about four seconds
  for (std::size_t i = 6; i + 1 < calls.size(); ++i)
    EXPECT_LE(std::chrono::abs(calls[i + 1] - calls[i] - 4s), 820ms);
}

TEST(Lan, AMemberCallsOnceInAnInterval) {
  Lan lan({}, id_of(1), 1, 1);
  const auto calls = calls_until(lan, {3, 3}, 80s);
  EXPECT_GE(calls.size(), 8u);
  EXPECT_LE(calls.size(), 11u);
}

TEST(Lan, AMemberKeepsSilentWhereOthersHaveCalledEnough) {
  Lan lan({}, id_of(1), 1, 1);
  const Lan::Around around{3, 50};
  lan.on_timer(Time{}, around);
  std::size_t calls = 0;
  for (Duration t = 0s; t < 80s; t += 100ms) {
    // Ten others in each interval of eight seconds.
    if (t % 800ms == 0s)
      lan.on_beacon(at(t), around, beacon_of(static_cast<int>(2 + t / 800ms % 10), at(t)), "192.0.2.1", true);
    lan.on_timer(Time{t}, around);
    calls += of_kind<Lan::Call>(lan.take_effects()).size();
  }
  EXPECT_LE(calls, 3u);
}

TEST(Lan, ASeekerIsAnsweredSoonButNotByEverybody) {
  constexpr int kMembers = 200;
  std::vector<std::unique_ptr<Lan>> members;
  const Lan::Around around{5, kMembers};
  for (int i = 0; i < kMembers; ++i) {
    members.push_back(std::make_unique<Lan>(LanConfig{}, id_of(i), 1, static_cast<std::uint64_t>(i)));
    members.back()->on_timer(Time{}, around);
  }
  const Duration asked = 1s;
  for (auto& member : members)
    member->on_beacon(at(asked), around, beacon_of(999, at(asked), true), "192.0.2.9", false);
  for (auto& member : members) (void)member->take_effects();
  // Everybody hears an answer half a millisecond after it was sent.
  std::vector<std::pair<Duration, int>> answers;
  for (Duration t = asked; t < asked + 500ms; t += 500us) {
    std::vector<int> said;
    for (int i = 0; i < kMembers; ++i) {
      members[static_cast<std::size_t>(i)]->on_timer(Time{t}, around);
      if (!of_kind<Lan::Call>(members[static_cast<std::size_t>(i)]->take_effects()).empty())
        said.push_back(i);
    }
    for (const int i : said) answers.emplace_back(t, i);
    for (auto& member : members)
      for (const int i : said) member->on_beacon(at(t), around, beacon_of(i, at(t)), "192.0.2.1", true);
  }
  ASSERT_GE(answers.size(), 3u);
  EXPECT_LE(answers.front().first - asked, 50ms);
  EXPECT_LE(answers[2].first - asked, 100ms);
  EXPECT_LE(answers.size(), 12u);
}

TEST(Lan, ANodeThatIsAskedForEverAnswersTenTimesASecondAtMost) {
  Lan lan({}, id_of(1), 1, 1);
  const Lan::Around around{1, 1};
  lan.on_timer(Time{}, around);
  std::size_t calls = 0;
  for (Duration t = 0s; t < 10s; t += 1ms) {
    lan.on_beacon(at(t), around, beacon_of(2, at(t), true), "192.0.2.9", true);
    lan.on_timer(Time{t}, around);
    calls += of_kind<Lan::Call>(lan.take_effects()).size();
  }
  EXPECT_GE(calls, 50u);
  EXPECT_LE(calls, 104u);
}

TEST(Lan, ASeekerContactsWhomItHearsAtTheAddressThatTheBeaconCameFrom) {
  Lan lan({}, id_of(1), 1, 1);
  lan.on_beacon(at(1s), {0, 0}, beacon_of(2, at(1s)), "192.0.2.2", false);
  const auto contacts = of_kind<Lan::Contact>(lan.take_effects());
  ASSERT_EQ(contacts.size(), 1u);
  EXPECT_EQ(contacts[0].node, id_of(2));
  EXPECT_EQ(contacts[0].join.text(), "192.0.2.2:7000");
}

TEST(Lan, TheSameCallOverAnotherInterfaceShowsAnotherWay) {
  Lan lan({}, id_of(1), 1, 1);
  Beacon beacon = beacon_of(2, at(1s));
  lan.on_beacon(at(1s), {0, 0}, beacon, "192.0.2.2", false);
  lan.on_beacon(at(1s), {0, 0}, beacon, "198.51.100.2", false);
  EXPECT_EQ(of_kind<Lan::Contact>(lan.take_effects()).size(), 1u);  // one at a time
  // Each call is heard over both; both are tried.
  std::set<std::string> tried;
  for (Duration t = 1400ms; t < 8s; t += 400ms) {
    beacon = beacon_of(2, at(t));
    lan.on_beacon(at(t), {0, 0}, beacon, "192.0.2.2", false);
    lan.on_beacon(at(t), {0, 0}, beacon, "198.51.100.2", false);
    for (const auto& contact : of_kind<Lan::Contact>(lan.take_effects())) tried.insert(contact.join.host);
  }
  EXPECT_EQ(tried, (std::set<std::string>{"192.0.2.2", "198.51.100.2"}));
}

TEST(Lan, AnnouncedAddressesAreTriedBesideTheSource) {
  Lan lan({}, id_of(1), 1, 1);
  std::set<std::string> tried;
  for (Duration t = 1s; t < 3s; t += 400ms) {
    Beacon beacon = beacon_of(2, at(t));
    beacon.endpoints = {{"203.0.113.5", 7070}};
    lan.on_beacon(at(t), {0, 0}, beacon, "192.0.2.2", false);
    for (const auto& contact : of_kind<Lan::Contact>(lan.take_effects())) tried.insert(contact.join.text());
  }
  EXPECT_EQ(tried, (std::set<std::string>{"192.0.2.2:7000", "203.0.113.5:7070"}));
}

TEST(Lan, ANodeThatDoesNotAnswerIsContactedEverMoreSeldom) {
  Lan lan({}, id_of(1), 1, 1);
  std::vector<Duration> contacts;
  for (Duration t = 0s; t < 300s; t += 100ms) {
    lan.on_beacon(at(t), {0, 0}, beacon_of(2, at(t)), "192.0.2.2", false);
    if (!of_kind<Lan::Contact>(lan.take_effects()).empty()) contacts.push_back(t);
  }
  EXPECT_GE(contacts.size(), 6u);
  EXPECT_LE(contacts.size(), 11u);
}

TEST(Lan, AReplayIsNothing) {
  Lan lan({}, id_of(1), 1, 1);
  const Lan::Around around{0, 0};
  const Beacon recorded = beacon_of(2, at(1s), true);
  lan.on_beacon(at(1s), around, recorded, "192.0.2.2", false);
  lan.on_beacon(at(2s), around, beacon_of(2, at(2s)), "192.0.2.2", false);
  (void)lan.take_effects();
  lan.on_timer(Time{30s}, around);
  (void)lan.take_effects();
  lan.on_beacon(at(31s), around, recorded, "198.51.100.66", false);
  EXPECT_TRUE(lan.take_effects().empty());
}

TEST(Lan, OldRecordingsOfManyNodesCostOneContactASecondAndNobodysPlace) {
  Lan lan({}, id_of(1), 1, 1);
  const Lan::Around around{0, 0};
  const Now past = at(0s);
  std::size_t contacts = 0;
  for (int i = 0; i < 10'000; ++i) {
    const Now now = at(3600s + i * 1ms);
    lan.on_beacon(now, around, beacon_of(2 + i, past), "198.51.100.66", false);
    contacts += of_kind<Lan::Contact>(lan.take_effects()).size();
  }
  EXPECT_LE(contacts, 16u);  // five at once, then one a second
  const Now now = at(3611s);
  lan.on_beacon(now, around, beacon_of(1, now), "192.0.2.1", false);  // ourselves: nothing
  EXPECT_TRUE(lan.take_effects().empty());
  lan.on_beacon(now, around, beacon_of(20'000, now), "192.0.2.2", false);
  EXPECT_EQ(of_kind<Lan::Contact>(lan.take_effects()).size(), 1u);
}

TEST(Lan, AMachineWithAWrongClockIsHeardAndTheOperatorTold) {
  Lan lan({}, id_of(1), 1, 1);
  const Lan::Around around{2, 2};
  const Now now = at(3600s);
  lan.on_timer(now.steady, around);
  (void)lan.take_effects();
  Beacon beacon = beacon_of(2, now, true);
  beacon.time.ms = 86'400'000;  // the second of January 1970
  lan.on_beacon(now, around, beacon, "192.0.2.2", false);
  const auto effects = lan.take_effects();
  EXPECT_EQ(of_kind<Lan::Contact>(effects).size(), 1u);
  ASSERT_EQ(of_kind<Lan::Notice>(effects).size(), 1u);
  EXPECT_NE(of_kind<Lan::Notice>(effects)[0].sentence.find("clocks"), std::string::npos);
  lan.on_timer(now.steady + 10ms, around);
  EXPECT_EQ(of_kind<Lan::Call>(lan.take_effects()).size(), 1u);  // the answer
  // Told once in ten minutes.
  beacon.time.ms += 1000;
  lan.on_beacon(at(3602s), around, beacon, "192.0.2.2", false);
  EXPECT_TRUE(of_kind<Lan::Notice>(lan.take_effects()).empty());
}

TEST(Lan, ANewRunOfANodeIsHeardThoughItsClockWentBack) {
  Lan lan({}, id_of(1), 1, 1);
  const Lan::Around around{0, 0};
  lan.on_beacon(at(100s), around, beacon_of(2, at(100s)), "192.0.2.2", false);
  (void)lan.take_effects();
  Beacon again = beacon_of(2, at(70s));
  again.instance = 2;
  lan.on_beacon(at(101s), around, again, "192.0.2.3", false);
  const auto contacts = of_kind<Lan::Contact>(lan.take_effects());
  ASSERT_EQ(contacts.size(), 1u);
  EXPECT_EQ(contacts[0].join.text(), "192.0.2.3:7000");
}

TEST(Lan, OfManyMembersAFewContactAStranger) {
  constexpr int kMembers = 300;
  const Lan::Around around{5, kMembers};
  std::size_t contacts = 0;
  for (int i = 0; i < kMembers; ++i) {
    Lan lan({}, id_of(i), 1, static_cast<std::uint64_t>(i));
    lan.on_timer(Time{}, around);
    lan.on_beacon(at(1s), around, beacon_of(999, at(1s)), "192.0.2.9", false);
    contacts += of_kind<Lan::Contact>(lan.take_effects()).size();
  }
  EXPECT_LE(contacts, 12u);  // three in the mean
}

TEST(Lan, LivingMembersAreLeftAlone) {
  Lan lan({}, id_of(1), 1, 1);
  const Lan::Around around{1, 1};
  lan.on_timer(Time{}, around);
  (void)lan.take_effects();
  for (Duration t = 1s; t < 100s; t += 1s)
    lan.on_beacon(at(t), around, beacon_of(2, at(t)), "192.0.2.2", true);
  EXPECT_TRUE(of_kind<Lan::Contact>(lan.take_effects()).empty());
}

TEST(Lan, AnotherProcessWithThisIdentityIsTold) {
  Lan lan({}, id_of(1), 1, 1);
  Beacon own = beacon_of(1, at(1s));
  lan.on_beacon(at(1s), {0, 0}, own, "192.0.2.2", false);  // our own call, come back
  EXPECT_TRUE(lan.take_effects().empty());
  own.instance = 2;
  lan.on_beacon(at(2s), {0, 0}, own, "192.0.2.2", false);
  EXPECT_EQ(of_kind<Lan::Notice>(lan.take_effects()).size(), 1u);
}

TEST(Lan, ItsTableIsBounded) {
  Lan lan({}, id_of(1), 1, 1);
  for (int i = 2; i < 5000; ++i)
    lan.on_beacon(at(i * 1ms), {0, 0}, beacon_of(i, at(i * 1ms)), "192.0.2.2", false);
  EXPECT_EQ(lan.known(), LanConfig{}.nodes_max);
}

TEST(Lan, ANewInterfaceIsCalledOverSoon) {
  Lan lan({}, id_of(1), 1, 1);
  const Lan::Around around{3, 3};
  lan.on_timer(Time{}, around);
  (void)calls_until(lan, around, 20s);
  lan.on_new_interface(Time{20s});
  const auto calls = calls_until(lan, around, 20500ms);
  EXPECT_EQ(calls.size(), 1u);
}

TEST(Lan, ANodeThatLostAllNeighboursSeeksAgainAtOnce) {
  Lan lan({}, id_of(1), 1, 1);
  lan.on_timer(Time{}, {3, 3});
  (void)lan.take_effects();
  lan.on_timer(Time{1s}, {0, 3});
  const auto calls = of_kind<Lan::Call>(lan.take_effects());
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_TRUE(calls[0].seeking);
  // Then a living member is contacted too.
  lan.on_beacon(at(1100ms), {0, 3}, beacon_of(2, at(1100ms)), "192.0.2.2", true);
  EXPECT_EQ(of_kind<Lan::Contact>(lan.take_effects()).size(), 1u);
}

}  // namespace
}  // namespace zswarm::bus
