#include "bus/overlay/overlay.h"

#include <gtest/gtest.h>

#include "tests/bus/overlay/small_network.h"

namespace zswarm::bus {
namespace {

TEST(Overlay, TwoNodesBecomeNeighbours) {
  SmallNetwork net(2);
  net.join_all();
  net.run(1s);
  EXPECT_EQ(net.count<NeighbourUp>(0, node_id(1)), 1u);
  EXPECT_EQ(net.count<NeighbourUp>(1, node_id(0)), 1u);
  EXPECT_EQ(net[0].linked, std::set{node_id(1)});
  EXPECT_EQ(net.count<Joined>(0, node_id(1)), 1u);
}

TEST(Overlay, LinksAreMutualAndBounded) {
  SmallNetwork net(40);
  net.join_all();
  net.run(20s);
  for (std::size_t i = 0; i < net.size(); ++i) {
    const auto active = net[i].overlay->active();
    EXPECT_GE(active.size(), 4u);
    EXPECT_LE(active.size(), net.config().active_max);
    for (const Peer& peer : active) {
      for (std::size_t j = 0; j < net.size(); ++j) {
        if (node_id(j) != peer.id) continue;
        EXPECT_TRUE(net[j].linked.contains(node_id(i))) << i << " and " << j;
      }
    }
  }
}

TEST(Overlay, BroadcastReachesEachNodeOnce) {
  SmallNetwork net(40);
  net.join_all();
  net.run(10s);
  for (std::uint8_t n = 0; n < 10; ++n) {
    const std::size_t origin = n * 3u;
    net.act(origin, [&](Overlay& o, Outbox& out) { ASSERT_TRUE(o.broadcast(net.now(), {n, 1, 2}, out)); });
    net.run(2s);
    for (std::size_t i = 0; i < net.size(); ++i)
      EXPECT_EQ(net.delivered(i, {n, 1, 2}), i == origin ? 0u : 1u) << "news " << int(n) << " at " << i;
  }
}

TEST(Overlay, DuplicatesTurnLinksLazy) {
  SmallNetwork net(40);
  net.join_all();
  net.run(10s);
  for (std::uint8_t n = 0; n < 10; ++n) {
    net.act(n, [&](Overlay& o, Outbox& out) { ASSERT_TRUE(o.broadcast(net.now(), {n}, out)); });
    net.run(1s);
  }
  std::size_t eager = 0, lazy = 0;
  for (std::size_t i = 0; i < net.size(); ++i) {
    eager += net[i].eager_at.size();
    lazy += net[i].lazy_at.size();
    EXPECT_GE(net[i].eager_at.size(), net.config().eager_min);
  }
  EXPECT_LT(eager, net.size() * 3);
  EXPECT_GT(lazy, net.size());
}

TEST(Overlay, ACrashIsKnownToAll) {
  SmallNetwork net(20);
  net.join_all();
  net.run(10s);
  net.stop(7);
  net.run(8s);
  for (std::size_t i = 0; i < net.size(); ++i) {
    if (i == 7) continue;
    EXPECT_EQ(net.count<Dead>(i, node_id(7)), 1u) << i;
    EXPECT_FALSE(net[i].linked.contains(node_id(7))) << i;
  }
}

TEST(Overlay, AFrozenNodeComesBackAndBlamesNobody) {
  SmallNetwork net(20);
  net.join_all();
  net.run(10s);
  net.stop(7);
  net.run(12s);
  net.resume(7);
  net.run(15s);
  for (std::size_t i = 0; i < net.size(); ++i) {
    if (i == 7) continue;
    EXPECT_EQ(net.count<Dead>(7, node_id(i)), 0u);
    EXPECT_EQ(net.count<Dead>(i, node_id(7)), 1u) << i;
    EXPECT_EQ(net.count<Refuted>(i, node_id(7)), 1u) << i;
  }
  EXPECT_GE(net[7].linked.size(), 3u);
}

TEST(Overlay, WhoLeavesIsGoneAtOnceAndSilent) {
  SmallNetwork net(20);
  net.join_all();
  net.run(10s);
  net.act(7, [&](Overlay& o, Outbox& out) { o.leave(net.now(), out); });
  const std::size_t sent = net[7].sent;
  net.run(1s);
  for (std::size_t i = 0; i < net.size(); ++i) {
    if (i == 7) continue;
    EXPECT_EQ(net.count<Left>(i, node_id(7)), 1u) << i;
    EXPECT_EQ(net.count<Dead>(i, node_id(7)), 0u) << i;
  }
  net.run(20s);
  EXPECT_EQ(net[7].sent, sent);
  EXPECT_EQ(net[7].overlay->next_timer(), kNever);
}

TEST(Overlay, ARestartedNodeIsTakenBack) {
  SmallNetwork net(20);
  net.join_all();
  net.run(10s);
  net.stop(7);
  net.run(10s);
  net.restart(7, 100);
  net.join(7, 3);
  net.run(5s);
  for (std::size_t i = 0; i < net.size(); ++i) {
    if (i == 7) continue;
    EXPECT_EQ(net.count<Refuted>(i, node_id(7)), 1u) << i;
    EXPECT_EQ(net.count<DuplicateIdentity>(i, node_id(7)), 0u) << i;
  }
  EXPECT_GE(net[7].linked.size(), 3u);
}

}  // namespace
}  // namespace zswarm::bus
