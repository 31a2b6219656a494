// How whole nodes find each other: beacons, names, IPv6, addresses of the last run.
#include "bus/zmq/discovery.h"

#include <gtest/gtest.h>

#include <atomic>

#include "tests/bus/zmq/bus_node.h"

namespace zswarm::bus {
namespace {

/// A port of its own for each test, so that they may run beside each other.
std::uint16_t port_of_this_test() {
  const std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  return static_cast<std::uint16_t>(20'000 + std::hash<std::string>()(name) % 6000);
}

ListenAddresses listen_on(const std::string& address) {
  return {address, address, address, address};
}

void on_lan(BusOptions& options) {
  options.lan = true;
  options.lan_port = port_of_this_test();
}

using Clock = std::chrono::steady_clock;
long ms_since(Clock::time_point start) {
  return static_cast<long>(
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count());
}

TEST(Discovery, NodesFindEachOtherByBeaconsAloneWellWithinTwoSeconds) {
  const Network network;
  Node first(network, on_lan);
  ASSERT_TRUE(write_note(first, "hello"));
  for (int round = 0; round < 3; ++round) {
    const auto start = Clock::now();
    Node second(network, on_lan);
    ASSERT_TRUE(eventually([&] { return second.value(first.own_key()) == "hello"; })) << second.log();
    const long ms = ms_since(start);
    RecordProperty("join_to_first_ledger_read_ms_" + std::to_string(round), static_cast<int>(ms));
    EXPECT_LT(ms, 2000);
  }
}

TEST(Discovery, ManyThatStartAtOnceBecomeOneNetwork) {
  const Network network;
  std::vector<std::unique_ptr<Node>> nodes;
  for (int i = 0; i < 8; ++i) nodes.push_back(std::make_unique<Node>(network, on_lan));
  ASSERT_TRUE(write_note(*nodes[0], "all"));
  for (auto& node : nodes)
    EXPECT_TRUE(eventually([&] { return node->value(nodes[0]->own_key()) == "all"; })) << node->log();
  for (auto& node : nodes) EXPECT_TRUE(eventually([&] { return node->status().members.size() == 7; }));
}

TEST(Discovery, NodesOfAnotherNetworkOnTheSameLanStayStrangers) {
  const Network network, other;
  Node first(network, on_lan), stranger(other, on_lan), second(network, on_lan);
  ASSERT_TRUE(eventually([&] { return second.neighbours() == 1; }));
  EXPECT_EQ(stranger.neighbours(), 0u);
  EXPECT_TRUE(stranger.status().members.empty());
}

TEST(Discovery, NodesThatListenEverywhereTellAnAddressThatIsReached) {
  const Network network;
  const auto everywhere = [](BusOptions& options) {
    on_lan(options);
    options.listen = listen_on("*:0");
  };
  Node first(network, everywhere), second(network, everywhere);
  EXPECT_FALSE(is_wildcard(first.join().host));
  ASSERT_TRUE(write_note(first, "hello"));
  EXPECT_TRUE(eventually([&] { return second.value(first.own_key()) == "hello"; })) << second.log();
}

TEST(Discovery, ANodeWithoutLanIsNotFound) {
  const Network network;
  Node silent(network, {}), first(network, on_lan), second(network, on_lan);
  ASSERT_TRUE(eventually([&] { return second.neighbours() == 1; }));
  EXPECT_EQ(silent.neighbours(), 0u);
}

TEST(Discovery, ABootstrapNameMayHaveSeveralAddresses) {
  const Network network;
  Node first(network, {});  // on 127.0.0.1 only, while the name may stand for ::1 as well
  Node second(network, {Endpoint{"localhost", first.join().port}});
  EXPECT_TRUE(eventually([&] { return second.neighbours() == 1; })) << second.log();
}

TEST(Discovery, NodesMeetOverIPv6) {
  const Network network;
  const auto ipv6 = [](BusOptions& options) { options.listen = listen_on("[::1]:0"); };
  Node first(network, ipv6);
  EXPECT_EQ(first.join().host, "::1");
  const auto join = first.join();
  Node second(network, [&](BusOptions& options) {
    ipv6(options);
    options.bootstrap = {join};
  });
  ASSERT_TRUE(write_note(first, "six"));
  EXPECT_TRUE(eventually([&] { return second.value(first.own_key()) == "six"; })) << second.log();
}

TEST(Discovery, ADualStackListenerIsReachedOverBoth) {
  const Network network;
  Node first(network, [](BusOptions& options) { options.listen = listen_on("*:0"); });
  const std::uint16_t port = first.join().port;
  Node over4(network, {Endpoint{"127.0.0.1", port}}), over6(network, {Endpoint{"::1", port}});
  EXPECT_TRUE(eventually([&] { return over4.neighbours() > 0 && over6.neighbours() > 0; }));
}

TEST(Discovery, AddressesOfTheLastRunLeadBack) {
  const Network network;
  Node first(network, {}), second(network, {first.join()});
  std::vector<Endpoint> remembered;
  {
    Node third(network, {first.join()});
    ASSERT_TRUE(eventually([&] { return third.addresses_to_remember().size() == 2; }));
    remembered = third.addresses_to_remember();
  }
  Node again(network, [&](BusOptions& options) { options.remembered = remembered; });
  EXPECT_TRUE(eventually([&] { return again.neighbours() > 0; })) << again.log();
}

TEST(Discovery, ANodeThatIsItsOwnBootstrapAddressStaysCalm) {
  const Network network;
  Node first(network, [](BusOptions& options) {
    options.listen.join = "127.0.0.1:27392";
    options.announce.host = "127.0.0.2";  // so that the name below is not known to be its own
    options.bootstrap = {Endpoint{"localhost", 27392}};
  });
  Node second(network, {Endpoint{"127.0.0.1", 27392}});
  ASSERT_TRUE(eventually([&] { return second.status().members.size() == 1; }));
  EXPECT_EQ(first.log().find("two nodes with one identity"), std::string::npos) << first.log();
}

TEST(Discovery, AMachineThatMovesIsFoundAtItsNewAddress) {
  const Network network;
  const auto host = std::make_shared<std::atomic<const char*>>("127.0.0.1");
  Node first(network, [&](BusOptions& options) {
    options.listen = listen_on("0.0.0.0:0");
    options.find_host = [host](const std::string&) { return std::string(host->load()); };
    options.look_every = 20ms;
  });
  Node second(network, {first.join()});
  const auto told = [&] {
    const auto members = second.status().members;
    return members.empty() ? std::string() : members[0].card.socket(Socket::kJoin)->host;
  };
  ASSERT_TRUE(eventually([&] { return second.neighbours() == 1 && told() == "127.0.0.1"; }));
  host->store("127.0.0.2");
  ASSERT_TRUE(eventually([&] { return told() == "127.0.0.2"; })) << first.log() << second.log();
  ASSERT_TRUE(write_note(first, "moved"));
  EXPECT_TRUE(eventually([&] { return second.value(first.own_key()) == "moved"; }));
  ASSERT_TRUE(write_note(second, "seen"));
  EXPECT_TRUE(eventually([&] { return first.value(second.own_key()) == "seen"; }));
  // Who comes later finds it there.
  Node third(network, {second.join()});
  EXPECT_TRUE(eventually([&] { return third.value(first.own_key()) == "moved"; }));
}

TEST(Discovery, BeaconsAreCountedAsTraffic) {
  const Network network;
  Node first(network, on_lan);
  EXPECT_TRUE(eventually([&] { return first.status().traffic.out_bytes >= kBeaconBytes; }));
  EXPECT_TRUE(eventually([&] { return first.status().traffic.in_bytes >= kBeaconBytes; }));
}

}  // namespace
}  // namespace zswarm::bus
