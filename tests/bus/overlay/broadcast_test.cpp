#include "bus/overlay/broadcast.h"

#include <gtest/gtest.h>

#include "tests/bus/overlay/small_network.h"

namespace zswarm::bus {
namespace {

/// The first byte says what a payload is worth: 0xff is forged, 0xfe useless; its author is node 50.
class FirstByteNews : public NewsCheck {
 public:
  Judgement check(const News& news) override {
    const std::uint8_t first = news.payload.empty() ? 0 : news.payload[0];
    const Verdict verdict = first == 0xff   ? Verdict::kForged
                            : first == 0xfe ? Verdict::kUseless
                                            : Verdict::kPassOn;
    return {verdict, node_id(50)};
  }
};

class BroadcastTest : public ::testing::Test {
 protected:
  void link(std::size_t count) {
    Outbox out;
    for (std::size_t i = 1; i <= count; ++i) broadcast_.add(now_, node_id(i), out);
  }
  std::vector<Effect> receive(std::size_t from, const Bytes& message) {
    Outbox out;
    status_ = broadcast_.on_message(now_, node_id(from), *read_header(message), message, out);
    return out.take();
  }
  std::vector<Effect> run(Duration time) {
    Outbox out;
    const Time end = now_ + time;
    while (broadcast_.next_timer() <= end) {
      now_ = std::max(now_, broadcast_.next_timer());
      broadcast_.on_timer(now_, out);
    }
    now_ = end;
    return out.take();
  }
  static Bytes gossip(const News& news, std::uint32_t via = 0, std::uint8_t hops = 3) {
    Writer writer(MessageType::kGossip, 1);
    writer.array(1).array(6).uint(static_cast<std::uint64_t>(news.kind)).id(news.origin).uint(news.number);
    return writer.bin(news.payload).uint(hops).uint(via).take();
  }
  static News news(std::uint8_t n) { return {NewsKind::kPayload, node_id(50), n, {n}}; }
  static Bytes ihave(const News& n, std::uint8_t hops = 0) {
    const NewsId id = news_id(n);
    Bytes ids(id.bytes.begin(), id.bytes.end());
    ids.push_back(hops);
    return Writer(MessageType::kIHave, 1).bin(ids).take();
  }
  /// To whom kGraft went, in order.
  static std::vector<NodeId> grafted(const std::vector<Effect>& effects) {
    std::vector<NodeId> whom;
    for (const Effect& effect : effects) {
      const auto* send = std::get_if<Send>(&effect);
      if (send != nullptr && read_header(send->message)->type == MessageType::kGraft)
        whom.push_back(send->to);
    }
    return whom;
  }

  OverlayConfig config_;
  Self self_{node_id(0), {}, 1, 1};
  Random random_{1};
  FirstByteNews check_;
  Broadcast broadcast_{config_, self_, random_, &check_};
  Time now_{Duration(1'000'000)};
  Status status_;
};

TEST_F(BroadcastTest, PublishesNewsEagerlyAndTheirIdsLazily) {
  link(3);
  const auto at_once = receive(1, gossip(news(1)));
  ASSERT_EQ(at_once.size(), 1u);
  EXPECT_EQ(std::get<Publish>(at_once[0]).topic, Topic::kEager);
  const auto later = run(config_.lazy_gather);
  ASSERT_EQ(later.size(), 1u);
  EXPECT_EQ(std::get<Publish>(later[0]).topic, Topic::kLazy);
  EXPECT_EQ(broadcast_.take_delivered().size(), 1u);
}

TEST_F(BroadcastTest, ForgedNewsGoNoFurtherAndAreTheirSendersFault) {
  link(3);
  EXPECT_TRUE(receive(1, gossip(news(0xff))).empty());
  ASSERT_FALSE(status_);
  EXPECT_EQ(status_.error().code, ErrorCode::kMalformed);
  EXPECT_TRUE(run(1s).empty());
  EXPECT_TRUE(broadcast_.take_delivered().empty());
}

TEST_F(BroadcastTest, UselessNewsGoNoFurtherAndNobodyIsAtFault) {
  link(3);
  EXPECT_TRUE(receive(1, gossip(news(0xfe))).empty());
  EXPECT_TRUE(status_);
  EXPECT_TRUE(run(1s).empty());
  EXPECT_TRUE(broadcast_.take_delivered().empty());
  EXPECT_EQ(broadcast_.ids_held(), 1u);
}

TEST_F(BroadcastTest, OneAuthorsNewsArePassedOnUpToItsShareOnly) {
  link(3);
  News large{NewsKind::kPayload, node_id(9), 0, Bytes(1000)};
  for (std::uint64_t n = 0; n < 1000; ++n) {
    large.number = n;
    receive(1, gossip(large));
    EXPECT_TRUE(status_);
  }
  const std::size_t taken = broadcast_.take_delivered().size();
  EXPECT_GT(taken, config_.author_burst_bytes / 1100);
  EXPECT_LE(taken, config_.author_burst_bytes / 1000);
}

TEST_F(BroadcastTest, EndsOfOneNeighbourAreTakenAtABoundedRate) {
  config_.ends_burst = 10;
  link(3);
  for (std::size_t n = 0; n < 100; ++n) receive(1, gossip({NewsKind::kDead, node_id(100 + n), 1, {}}));
  EXPECT_EQ(broadcast_.take_delivered().size(), 10u);
  // One that was not taken may come from somebody else.
  receive(2, gossip({NewsKind::kDead, node_id(199), 1, {}}));
  EXPECT_EQ(broadcast_.take_delivered().size(), 1u);
}

TEST_F(BroadcastTest, GathersABurstIntoFewMessages) {
  link(3);
  std::size_t messages = 0;
  for (std::uint8_t n = 0; n < 200; ++n) messages += receive(1, gossip(news(n))).size();
  messages += run(config_.lazy_gather).size();
  EXPECT_LE(messages, 3u);
  EXPECT_EQ(broadcast_.take_delivered().size(), 200u);
}

TEST_F(BroadcastTest, ADuplicateTurnsItsLinkLazyButTwoStayEager) {
  link(4);
  for (std::size_t from = 1; from <= 4; ++from) receive(from, gossip(news(1)));
  EXPECT_TRUE(broadcast_.is_eager(node_id(1)));
  EXPECT_FALSE(broadcast_.is_eager(node_id(2)));
  EXPECT_FALSE(broadcast_.is_eager(node_id(3)));
  EXPECT_TRUE(broadcast_.is_eager(node_id(4)));
}

TEST_F(BroadcastTest, AnEchoOfOurOwnCopyIsNoDuplicate) {
  link(4);
  receive(1, gossip(news(1)));
  receive(2, gossip(news(1), short_name(self_.id)));
  EXPECT_TRUE(broadcast_.is_eager(node_id(2)));
}

TEST_F(BroadcastTest, AsksForAnnouncedNewsFromOneAnnouncerAfterTheOther) {
  link(4);
  for (std::size_t from = 1; from <= 2; ++from) receive(from, ihave(news(1)));
  EXPECT_TRUE(grafted(run(config_.graft_wait / 2)).empty());
  EXPECT_EQ(grafted(run(config_.graft_wait)), std::vector{node_id(1)});
  EXPECT_EQ(grafted(run(config_.graft_again)), std::vector{node_id(2)});
  receive(2, gossip(news(1)));
  EXPECT_TRUE(grafted(run(10s)).empty());
}

TEST_F(BroadcastTest, GivesUpOnNewsThatNobodyHas) {
  link(2);
  receive(1, ihave(news(1)));
  EXPECT_EQ(grafted(run(20s)).size(), config_.graft_rounds);
  EXPECT_EQ(broadcast_.missing(), 0u);
}

TEST_F(BroadcastTest, AnswersAGraftWithTheNewsAndBecomesEager) {
  link(4);
  for (std::size_t from = 1; from <= 3; ++from) receive(from, gossip(news(1)));
  ASSERT_FALSE(broadcast_.is_eager(node_id(2)));
  const NewsId id = news_id(news(1));
  const auto effects = receive(2, Writer(MessageType::kGraft, 1).bin(id.bytes).take());
  EXPECT_TRUE(broadcast_.is_eager(node_id(2)));
  ASSERT_FALSE(effects.empty());
  const Send& answer = std::get<Send>(effects.back());
  EXPECT_EQ(answer.to, node_id(2));
  EXPECT_EQ(read_header(answer.message)->type, MessageType::kGossip);
}

TEST_F(BroadcastTest, AMuchShorterWayTakesTheLongOnesPlace) {
  link(5);
  for (std::size_t from = 1; from <= 4; ++from) receive(from, gossip(news(1), 0, 20));
  ASSERT_FALSE(broadcast_.is_eager(node_id(2)));
  EXPECT_EQ(grafted(receive(2, ihave(news(1), 3))), std::vector{node_id(2)});
  EXPECT_TRUE(broadcast_.is_eager(node_id(2)));
  EXPECT_FALSE(broadcast_.is_eager(node_id(1)));
}

TEST_F(BroadcastTest, StrangersAreNotHeard) {
  link(2);
  EXPECT_TRUE(receive(7, gossip(news(1))).empty());
  EXPECT_TRUE(broadcast_.take_delivered().empty());
}

TEST_F(BroadcastTest, AFloodOfANeighbourIsCutOff) {
  link(2);
  std::size_t refused = 0;
  for (std::uint64_t n = 0; n < 300; ++n) {
    News large{NewsKind::kPayload, node_id(60), n, Bytes(60'000)};
    receive(1, gossip(large));
    refused += status_ ? 0 : 1;
  }
  EXPECT_GT(refused, 100u);
  EXPECT_LE(broadcast_.bytes_held(), config_.news_bytes_kept + config_.news_bytes_max);
  receive(2, gossip(news(1)));
  EXPECT_TRUE(status_);
}

TEST_F(BroadcastTest, AnnouncementsOfOneLiarLeaveRoomForOthers) {
  link(2);
  for (std::uint32_t n = 0; n < 20'000; ++n) {
    News invented = news(1);
    invented.number = n + 1000;
    receive(1, ihave(invented));
  }
  EXPECT_LT(broadcast_.missing(), config_.missing_max / 4);
  const std::size_t before = broadcast_.missing();
  receive(2, ihave(news(2)));
  EXPECT_EQ(broadcast_.missing(), before + 1);
}

TEST_F(BroadcastTest, ANewNeighbourIsToldWhatItMayHaveMissed) {
  link(2);
  receive(1, gossip(news(1)));
  Outbox out;
  broadcast_.add(now_ + 5s, node_id(3), out);
  const auto effects = out.take();
  ASSERT_EQ(effects.size(), 2u);
  EXPECT_EQ(read_header(std::get<Send>(effects[1]).message)->type, MessageType::kIHave);
}

}  // namespace
}  // namespace zswarm::bus
