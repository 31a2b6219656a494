#include "bus/overlay/views.h"

#include <gtest/gtest.h>

#include "tests/bus/overlay/small_network.h"

namespace zswarm::bus {
namespace {

class ViewsTest : public ::testing::Test {
 protected:
  std::vector<Effect> receive(std::size_t from, const Bytes& message) {
    Outbox out;
    status_ = views_.on_message(now_, node_id(from), *read_header(message), message, out);
    return out.take();
  }
  static Bytes with_peer(MessageType type, std::uint64_t first, const Peer& peer) {
    Writer writer(type, 2);
    writer.uint(first);
    write_peer(writer, peer);
    return writer.take();
  }
  void link(std::size_t count) {
    for (std::size_t i = 1; i <= count; ++i) receive(i, with_peer(MessageType::kNeighbour, 0, peer_of(i)));
  }
  static std::size_t sent(const std::vector<Effect>& effects, MessageType type) {
    return static_cast<std::size_t>(std::count_if(effects.begin(), effects.end(), [&](const Effect& e) {
      const auto* send = std::get_if<Send>(&e);
      return send != nullptr && read_header(send->message)->type == type;
    }));
  }

  OverlayConfig config_;
  Self self_{node_id(0), PlainCards::of(node_id(0)), 1, 1};
  PlainCards cards_;
  Random random_{1};
  Views views_{config_, self_, cards_, random_};
  Time now_{Duration(1'000'000)};
  Status status_;
};

TEST_F(ViewsTest, RefusesALinkWithoutPriorityWhenItIsFull) {
  link(config_.active_max);
  const auto effects = receive(20, with_peer(MessageType::kNeighbour, 0, peer_of(20)));
  EXPECT_FALSE(views_.has_neighbour(node_id(20)));
  ASSERT_EQ(sent(effects, MessageType::kNeighbourReply), 1u);
  EXPECT_FALSE(Reader::of_message(std::get<Send>(effects.back()).message).boolean());
}

TEST_F(ViewsTest, TakesOneWithPriorityAndNamesItToTheOneItDrops) {
  link(config_.active_max);
  const auto effects = receive(20, with_peer(MessageType::kNeighbour, 1, peer_of(20)));
  EXPECT_TRUE(views_.has_neighbour(node_id(20)));
  EXPECT_EQ(views_.active().size(), config_.active_max);
  for (const Effect& effect : effects) {
    const auto* send = std::get_if<Send>(&effect);
    if (send == nullptr || read_header(send->message)->type != MessageType::kDisconnect) continue;
    Reader fields = Reader::of_message(send->message);
    EXPECT_EQ(read_peer(fields, 2048).id, node_id(20));
    return;
  }
  FAIL() << "nobody was dropped";
}

TEST_F(ViewsTest, WhoIsDroppedAsksTheOneThatWasNamed) {
  link(3);
  Writer writer(MessageType::kDisconnect, 1);
  write_peer(writer, peer_of(20));
  const auto effects = receive(2, writer.take());
  EXPECT_FALSE(views_.has_neighbour(node_id(2)));
  EXPECT_EQ(sent(effects, MessageType::kNeighbour), 1u);
}

TEST_F(ViewsTest, AForeignCardChangesNothing) {
  const Peer forged{node_id(20), PlainCards::of(node_id(21))};
  receive(20, with_peer(MessageType::kNeighbour, 1, forged));
  EXPECT_FALSE(status_);
  receive(21, with_peer(MessageType::kNeighbour, 1, forged));
  EXPECT_FALSE(status_);
  EXPECT_TRUE(views_.active().empty());
  link(2);
  Writer writer(MessageType::kShuffle, 3);
  writer.uint(0);
  write_peer(writer, peer_of(1));
  writer.array(1);
  write_peer(writer, forged);
  receive(1, writer.take());
  for (const Peer& peer : views_.passive()) EXPECT_NE(peer.id, node_id(20));
}

TEST_F(ViewsTest, AnAcceptanceThatNobodyAskedForIsNoLink) {
  link(2);
  Outbox out;
  views_.add_candidate(now_, peer_of(20), out);
  const auto effects = receive(20, Writer(MessageType::kNeighbourReply, 1).boolean(true).take());
  EXPECT_FALSE(views_.has_neighbour(node_id(20)));
  EXPECT_EQ(sent(effects, MessageType::kDisconnect), 1u);
}

TEST_F(ViewsTest, ALostNeighbourIsReplacedFromTheReserve) {
  link(5);
  Outbox out;
  views_.add_candidate(now_, peer_of(20), out);
  views_.bury(now_, node_id(3), out);
  now_ = now_ + 100ms;
  views_.on_timer(now_, out);
  EXPECT_EQ(sent(out.take(), MessageType::kNeighbour), 1u);
  receive(20, Writer(MessageType::kNeighbourReply, 1).boolean(true).take());
  EXPECT_TRUE(views_.has_neighbour(node_id(20)));
}

TEST_F(ViewsTest, WhoWasCalledDeadIsAskedAgainMoreAndMoreSeldom) {
  link(3);
  Outbox out;
  views_.bury(now_, node_id(3), out);
  views_.bury(now_, node_id(30), out);  // never known
  std::vector<Time> asked;
  for (const Time end = now_ + 120s; views_.next_timer() < end;) {
    now_ = std::max(now_, views_.next_timer());
    views_.on_timer(now_, out);
    for (const Effect& effect : out.take()) {
      const auto* send = std::get_if<Send>(&effect);
      if (send == nullptr || read_header(send->message)->type != MessageType::kNeighbour) continue;
      EXPECT_NE(send->to, node_id(30));
      if (send->to == node_id(3)) asked.push_back(now_);
    }
  }
  ASSERT_GE(asked.size(), 3u);
  EXPECT_LE(asked.size(), 6u);
  EXPECT_LT(asked[1] - asked[0], asked.back() - asked[asked.size() - 2]);
}

TEST_F(ViewsTest, HearsayDoesNotBringBackTheDead) {
  link(2);
  Outbox out;
  views_.shun(now_, node_id(20), config_.shun_for, out);
  views_.add_candidate(now_, peer_of(20), out);
  EXPECT_TRUE(views_.passive().empty());
  now_ = now_ + config_.shun_for;
  views_.add_candidate(now_, peer_of(20), out);
  EXPECT_EQ(views_.passive().size(), 1u);
}

TEST_F(ViewsTest, TheReserveIsBounded) {
  Outbox out;
  for (std::size_t i = 1; i < 200; ++i) views_.add_candidate(now_, peer_of(i), out);
  EXPECT_EQ(views_.passive().size(), config_.passive_max);
}

TEST_F(ViewsTest, ChecksABoundedNumberOfCardsThatOthersSend) {
  config_.card_checks_per_s = 5;
  link(2);
  std::size_t refused = 0;
  for (std::size_t i = 0; i < 50; ++i) {
    receive(1, with_peer(MessageType::kForwardJoin, config_.passive_walk, peer_of(100 + i)));
    refused += status_ ? 0 : 1;
  }
  EXPECT_EQ(refused, 45u);
}

}  // namespace
}  // namespace zswarm::bus
