#include "bus/zmq/connection_table.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace zswarm::bus {
namespace {

using Name = ConnectionTable::Name;

constexpr ConnectionTable::Limits kLimits{.all = 20,
                                          .of_origin = 6,
                                          .strangers = 10,
                                          .strangers_of_origin = 4,
                                          .handshake = std::chrono::seconds(4)};

Ends ends(std::uint8_t host, std::uint16_t port) {
  Ends made;
  made.origin.bytes[15] = made.address[15] = host;
  made.port = port;
  return made;
}
Name name(int descriptor) {
  return {1, descriptor};
}

TEST(ConnectionTable, OfTooManyStrangersFromOneAddressTheOldestGoes) {
  ConnectionTable table(kLimits);
  for (int i = 0; i < 4; ++i)
    EXPECT_FALSE(table.opened(Time{}, name(i), ends(1, static_cast<std::uint16_t>(100 + i))));
  EXPECT_FALSE(table.opened(Time{}, name(50), ends(2, 1)));
  for (int i = 4; i < 40; ++i) {
    const auto surplus = table.opened(Time{}, name(i), ends(1, static_cast<std::uint16_t>(100 + i)));
    ASSERT_TRUE(surplus);
    EXPECT_EQ(surplus->name, name(i - 4));
    EXPECT_EQ(surplus->ends, ends(1, static_cast<std::uint16_t>(100 + i - 4)));
  }
  EXPECT_NE(table.find(name(50)), nullptr);
  EXPECT_EQ(table.size(), 5u);
}

TEST(ConnectionTable, WhoHasProvedItselfIsNotDisplaced) {
  ConnectionTable table(kLimits);
  EXPECT_FALSE(table.opened(Time{}, name(0), ends(1, 1)));
  EXPECT_FALSE(table.proved(name(0)));
  for (int i = 1; i < 100; ++i)
    (void)table.opened(Time{}, name(i), ends(1, static_cast<std::uint16_t>(100 + i)));
  EXPECT_NE(table.find(name(0)), nullptr);
  EXPECT_EQ(table.size(), 5u);
}

TEST(ConnectionTable, OfTooManyOfOneAddressTheNewestGoes) {
  ConnectionTable table(kLimits);
  for (int i = 0; i < 6; ++i) {
    EXPECT_FALSE(table.opened(Time{}, name(i), ends(1, static_cast<std::uint16_t>(100 + i))));
    EXPECT_FALSE(table.proved(name(i)));
  }
  EXPECT_FALSE(table.opened(Time{}, name(6), ends(1, 106)));
  const auto surplus = table.proved(name(6));
  ASSERT_TRUE(surplus);
  EXPECT_EQ(surplus->name, name(6));
  table.closed(name(3));
  EXPECT_FALSE(table.opened(Time{}, name(7), ends(1, 107)));
  EXPECT_FALSE(table.proved(name(7)));
}

TEST(ConnectionTable, StrangersOfManyAddressesAreBoundedToo) {
  ConnectionTable table(kLimits);
  for (int i = 0; i < 10; ++i)
    EXPECT_FALSE(table.opened(Time{}, name(i), ends(static_cast<std::uint8_t>(i), 1)));
  const auto surplus = table.opened(Time{}, name(10), ends(10, 1));
  ASSERT_TRUE(surplus);
  EXPECT_EQ(surplus->name, name(0));
}

TEST(ConnectionTable, ADescriptorThatIsGivenOutAnewIsAnotherConnection) {
  ConnectionTable table(kLimits);
  EXPECT_FALSE(table.opened(Time{}, name(0), ends(1, 1)));
  EXPECT_FALSE(table.proved(name(0)));
  EXPECT_FALSE(table.opened(Time{}, name(0), ends(2, 2)));
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.strangers(), 1u);
  EXPECT_EQ(*table.find(name(0)), ends(2, 2));
  table.closed(name(0));
  table.closed(name(0));
  EXPECT_EQ(table.size(), 0u);
}

TEST(ConnectionTable, AllOfASocketGoWithIt) {
  ConnectionTable table(kLimits);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(table.opened(Time{}, {0, i}, ends(1, 1)));
    EXPECT_FALSE(table.opened(Time{}, {1, i}, ends(2, 1)));
  }
  table.closed_all(0);
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(table.find({0, 1}), nullptr);
  EXPECT_NE(table.find({1, 1}), nullptr);
}

TEST(ConnectionTable, WhoOutlivesTheTimeForAHandshakeIsNoStranger) {
  ConnectionTable table(kLimits);
  for (int i = 0; i < 4; ++i)
    EXPECT_FALSE(table.opened(Time{}, name(i), ends(1, static_cast<std::uint16_t>(100 + i))));
  EXPECT_TRUE(table.ripen(Time{std::chrono::seconds(4)}).empty());
  EXPECT_EQ(table.strangers(), 4u);
  EXPECT_TRUE(table.ripen(Time{std::chrono::seconds(5)}).empty());
  EXPECT_EQ(table.strangers(), 0u);
  for (int i = 4; i < 8; ++i)
    EXPECT_FALSE(
        table.opened(Time{std::chrono::seconds(6)}, name(i), ends(1, static_cast<std::uint16_t>(100 + i))));
  // Six of one address may stay: of the four that ripen now, the last two are too many.
  const auto surplus = table.ripen(Time{std::chrono::seconds(11)});
  ASSERT_EQ(surplus.size(), 2u);
  EXPECT_EQ(surplus[0].name, name(6));
  EXPECT_EQ(surplus[1].name, name(7));
  EXPECT_EQ(table.size(), 6u);
}

RC_GTEST_PROP(ConnectionTable, KeepsItsLimitsWhateverHappens, (const std::vector<std::uint16_t>& steps)) {
  ConnectionTable table(kLimits);
  std::set<Name> open;
  for (const std::uint16_t step : steps) {
    const Name which{static_cast<std::uint8_t>(step % 2), step / 2 % 32};
    std::optional<ConnectionTable::Open> surplus;
    switch (step >> 14) {
      case 0:
      case 1:
        open.insert(which);
        surplus = table.opened(Time{}, which, ends(static_cast<std::uint8_t>(step >> 8 & 7), step));
        break;
      case 2:
        surplus = table.proved(which);
        break;
      default:
        table.closed(which);
        open.erase(which);
    }
    if (surplus) RC_ASSERT(open.erase(surplus->name) == 1u);
    RC_ASSERT(table.size() == open.size());
    RC_ASSERT(table.size() <= kLimits.all);
    RC_ASSERT(table.strangers() <= kLimits.strangers);
    std::map<Origin, std::size_t> of_origin;
    table.for_each([&](const Name&, const Ends& e) { ++of_origin[e.origin]; });
    for (const auto& [origin, count] : of_origin)
      RC_ASSERT(count <= kLimits.of_origin + kLimits.strangers_of_origin);
  }
}

}  // namespace
}  // namespace zswarm::bus
