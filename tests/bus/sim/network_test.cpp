#include "bus/sim/network.h"

#include <gtest/gtest.h>

namespace zswarm::bus {
namespace {

using Channel = VirtualNetwork::Channel;

TEST(VirtualNetwork, DeliversAConnectionInOrderAlsoWhenSegmentsAreLost) {
  NetworkConfig config;
  config.loss = 0.3;
  VirtualNetwork network(config, 2, 1);
  Time last;
  for (int i = 0; i < 1000; ++i) {
    const Time now{Duration(i * 1000)};
    const Time arrival = network.arrival(now, 0, 1, Channel::kControl, 100);
    EXPECT_GT(arrival, last);
    EXPECT_GT(arrival, now);
    last = arrival;
  }
}

TEST(VirtualNetwork, LosesNothingButMakesItLate) {
  const auto mean_ms = [](double loss) {
    NetworkConfig config;
    config.loss = loss;
    VirtualNetwork network(config, 2, 1);
    static_cast<void>(network.arrival(Time{}, 0, 1, Channel::kControl, 100));
    Duration sum{0};
    for (int i = 1; i <= 500; ++i) {
      const Time now{Duration(60'000'000) * i};
      sum += network.arrival(now, 0, 1, Channel::kControl, 100) - now;
    }
    return static_cast<double>(sum.count()) / 500e3;
  };
  // A tenth of the segments waits 200 ms and a round trip, some of them more.
  EXPECT_GT(mean_ms(0.1), mean_ms(0) + 15);
  EXPECT_LT(mean_ms(0.1), mean_ms(0) + 80);
}

TEST(VirtualNetwork, DifferentConnectionsOvertakeEachOther) {
  NetworkConfig config;
  config.loss = 0.3;
  VirtualNetwork network(config, 3, 1);
  bool overtaken = false;
  for (int i = 0; i < 100; ++i) {
    const Time now{Duration(i) * 10'000'000};
    const Time first = network.arrival(now, 0, 1, Channel::kGossip, 100);
    const Time second = network.arrival(now + Duration(1000), 2, 1, Channel::kGossip, 100);
    overtaken = overtaken || second < first;
  }
  EXPECT_TRUE(overtaken);
}

TEST(VirtualNetwork, AStrangersFirstMessageWaitsForHandshakes) {
  VirtualNetwork network({}, 2, 1);
  const Time first = network.arrival(Time{}, 0, 1, Channel::kControl, 100);
  const Time now{Duration(10'000'000)};
  EXPECT_GT(first - Time{}, 5 * (network.arrival(now, 0, 1, Channel::kControl, 100) - now));
  const Duration answer = network.arrival(now, 1, 0, Channel::kControl, 100) - now;
  EXPECT_LT(answer, first - Time{});
}

TEST(VirtualNetwork, ALargeMessageTakesItsTimeOnTheUplink) {
  NetworkConfig config;
  config.uplink_bytes_per_s = 1000;
  VirtualNetwork network(config, 2, 1);
  EXPECT_GE(network.arrival(Time{}, 0, 1, Channel::kGossip, 2000) - Time{}, Duration(2'000'000));
}

TEST(VirtualNetwork, CountsTheFramesOfCurve) {
  EXPECT_EQ(framed_bytes(100), 135u);
  EXPECT_EQ(framed_bytes(222), 257u);
  EXPECT_EQ(framed_bytes(223), 265u);
}

}  // namespace
}  // namespace zswarm::bus
