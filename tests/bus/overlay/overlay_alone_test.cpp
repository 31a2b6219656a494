// One overlay whose neighbours are the test.
#include <gtest/gtest.h>

#include "bus/overlay/overlay.h"
#include "tests/bus/overlay/small_network.h"

namespace zswarm::bus {
namespace {

class OverlayAlone : public ::testing::Test {
 protected:
  void SetUp() override {
    for (std::size_t i = 1; i <= 3; ++i) {
      Writer writer(MessageType::kNeighbour, 2);
      writer.uint(0);
      write_peer(writer, peer_of(i));
      receive(i, writer.take());
    }
    static_cast<void>(out_.take());
    for (const Time end = now_ + 3s; overlay_.next_timer() < end;) {
      timer(overlay_.next_timer());
      answer_all();
    }
  }
  void receive(std::size_t from, const Bytes& message) {
    ASSERT_TRUE(overlay_.on_message(now_, node_id(from), message, out_));
    take_events();
  }
  void timer(Time at) {
    now_ = at;
    overlay_.on_timer(now_, out_);
    take_events();
  }
  void take_events() {
    for (OverlayEvent& event : overlay_.take_events()) events_.push_back(std::move(event));
  }
  template <class Kind>
  std::size_t count(std::size_t about) {
    return static_cast<std::size_t>(
        std::count_if(events_.begin(), events_.end(), [&](const OverlayEvent& event) {
          const auto* kind = std::get_if<Kind>(&event);
          return kind != nullptr && kind->id == node_id(about);
        }));
  }
  /// Answers the probes that are out to these nodes.
  void answer(const std::vector<std::size_t>& living) {
    for (const Effect& effect : out_.take()) {
      const auto* send = std::get_if<Send>(&effect);
      if (send == nullptr) continue;
      const Header header = *read_header(send->message);
      if (header.type != MessageType::kProbe) continue;
      for (const std::size_t who : living) {
        if (send->to != node_id(who)) continue;
        receive(who,
                Writer(MessageType::kProbeAck, 3, header.request_id).uint(1).uint(9).boolean(true).take());
      }
    }
  }
  void answer_all() { answer({1, 2, 3}); }
  static Bytes news(NewsKind kind, std::size_t about, std::uint64_t number) {
    Writer writer(MessageType::kGossip, 1);
    writer.array(1).array(6).uint(static_cast<std::uint64_t>(kind)).id(node_id(about)).uint(number);
    return writer.bin(Bytes(8)).uint(1).uint(0).take();
  }

  OverlayConfig config_;
  PlainCards cards_;
  Overlay overlay_{config_, cards_, Self{node_id(0), PlainCards::of(node_id(0)), 10, 11}, 1};
  Time now_{Duration(1'000'000)};
  Outbox out_;
  std::vector<OverlayEvent> events_;
};

TEST_F(OverlayAlone, WhoseProcessDidNotRunTakesItsSuspicionsBack) {
  while (count<Suspected>(1) == 0) timer(overlay_.next_timer());
  const std::size_t dead = count<Dead>(1) + count<Dead>(2) + count<Dead>(3);
  timer(overlay_.next_timer() + 10s);
  EXPECT_EQ(count<Dead>(1) + count<Dead>(2) + count<Dead>(3), dead);
  EXPECT_EQ(count<Refuted>(1), 1u);
}

TEST_F(OverlayAlone, WhoseTimersAreInTimeCallsTheSilentDead) {
  while (count<Suspected>(1) == 0) timer(overlay_.next_timer());
  const Time patience = now_ + config_.patience_in_trouble + 1s;
  while (overlay_.next_timer() < patience && count<Dead>(1) == 0) timer(overlay_.next_timer());
  EXPECT_EQ(count<Dead>(1), 1u);
}

TEST_F(OverlayAlone, LooksForItselfWhenItHearsOfANeighboursDeath) {
  receive(2, news(NewsKind::kDead, 1, 1));
  EXPECT_EQ(count<Dead>(1), 0u);
  answer({1});
  for (const Time end = now_ + 1s; overlay_.next_timer() < end;) {
    timer(overlay_.next_timer());
    answer({1});
  }
  EXPECT_EQ(count<Dead>(1), 0u);
  EXPECT_EQ(overlay_.active().size(), 3u);
}

TEST_F(OverlayAlone, BelievesTheDeathOfANeighbourThatIsSilentToItToo) {
  receive(2, news(NewsKind::kDead, 1, 1));
  for (const Time end = now_ + 3s; overlay_.next_timer() < end;) timer(overlay_.next_timer());
  ASSERT_EQ(count<Dead>(1), 1u);
  for (const OverlayEvent& event : events_) {
    const auto* dead = std::get_if<Dead>(&event);
    EXPECT_FALSE(dead != nullptr && dead->id == node_id(1) && dead->found_here);
  }
}

TEST_F(OverlayAlone, GivesUpALinkOverWhichNothingEverCameWithoutCallingItDead) {
  Writer writer(MessageType::kNeighbour, 2);
  writer.uint(0);
  write_peer(writer, peer_of(9));
  receive(9, writer.take());
  for (const Time end = now_ + 15s; overlay_.next_timer() < end;) {
    timer(overlay_.next_timer());
    answer({1, 2, 3});
  }
  EXPECT_EQ(count<Dead>(9), 0u);
  EXPECT_EQ(count<NeighbourDown>(9), 1u);
}

TEST_F(OverlayAlone, RefutesItsOwnDeathButNotALie) {
  receive(2, news(NewsKind::kDead, 0, 10));
  EXPECT_EQ(overlay_.incarnation(), 11u);
  receive(2, news(NewsKind::kDead, 0, UINT64_MAX));
  EXPECT_EQ(overlay_.incarnation(), 11u);
}

TEST_F(OverlayAlone, NoticesThatAnotherProcessSpeaksAsItself) {
  receive(2, news(NewsKind::kAlive, 0, 99));
  EXPECT_EQ(count<DuplicateIdentity>(0), 1u);
  receive(2, news(NewsKind::kAlive, 0, 100));
  EXPECT_EQ(count<DuplicateIdentity>(0), 1u);  // once a minute
}

TEST_F(OverlayAlone, WhoGoesOnSendingFaultyMessagesIsGivenUpAndNotHeard) {
  const Bytes faulty = Writer(MessageType::kProbe, 1).text("what").take();
  for (std::uint64_t i = 0; i < config_.faults_borne; ++i)
    EXPECT_FALSE(overlay_.on_message(now_, node_id(2), faulty, out_));
  EXPECT_EQ(overlay_.active().size(), 3u);
  EXPECT_FALSE(overlay_.on_message(now_, node_id(2), faulty, out_));
  take_events();
  EXPECT_EQ(count<Misbehaved>(2), 1u);
  EXPECT_EQ(overlay_.active().size(), 2u);
  Writer again(MessageType::kNeighbour, 2);
  again.uint(1);
  write_peer(again, peer_of(2));
  const Bytes question = again.take();
  receive(2, question);
  EXPECT_EQ(overlay_.active().size(), 2u);
  timer(now_ + config_.shun_faulty_for);
  receive(2, question);
  EXPECT_EQ(overlay_.active().size(), 3u);
}

TEST_F(OverlayAlone, WhoAsksForTooMuchForSecondsIsGivenUp) {
  const Bytes probe = Writer(MessageType::kProbe, 4, 1).uint(1).uint(9).uint(1).uint(0).take();
  for (int second = 0; second < 3; ++second) {
    for (int i = 0; i < 1000; ++i) static_cast<void>(overlay_.on_message(now_, node_id(2), probe, out_));
    now_ = now_ + 1s;
  }
  EXPECT_LT(out_.take().size(), 300u);  // answers
  take_events();
  EXPECT_EQ(count<Misbehaved>(2), 0u);
  for (int second = 0; second < 6; ++second) {
    for (int i = 0; i < 1000; ++i) static_cast<void>(overlay_.on_message(now_, node_id(2), probe, out_));
    now_ = now_ + 1s;
  }
  take_events();
  EXPECT_EQ(count<Misbehaved>(2), 1u);
}

TEST_F(OverlayAlone, TellsWhoComesBackWhomElseItCalledDead) {
  receive(2, news(NewsKind::kDead, 8, 5));
  receive(2, news(NewsKind::kDead, 9, 6));
  static_cast<void>(out_.take());
  Writer writer(MessageType::kNeighbour, 2);
  writer.uint(0);
  write_peer(writer, peer_of(9));
  receive(9, writer.take());
  std::set<NodeId> told;
  for (const Effect& effect : out_.take()) {
    const auto* send = std::get_if<Send>(&effect);
    if (send == nullptr || send->to != node_id(9) || read_header(send->message)->type != MessageType::kGossip)
      continue;
    Reader fields = Reader::of_message(send->message);
    Reader list = fields.array(16);
    while (list.left() > 0) {
      Reader item = list.array(6);
      EXPECT_EQ(item.uint(), static_cast<std::uint64_t>(NewsKind::kDead));
      told.insert(item.id());
    }
  }
  EXPECT_EQ(told, (std::set{node_id(8), node_id(9)}));
}

TEST_F(OverlayAlone, AFaultyMessageChangesNothing) {
  for (unsigned type = 0; type < 256; ++type) {
    Bytes message = Writer(static_cast<MessageType>(type), 1).text("what").take();
    if (type == static_cast<unsigned>(MessageType::kDisconnect)) continue;  // its one element is optional
    if (type == static_cast<unsigned>(MessageType::kProbeHere)) continue;   // it has none
    EXPECT_FALSE(overlay_.on_message(now_, node_id(100 + type), message, out_) &&
                 (type >> 4 == 1 || type >> 4 == 2 || type >> 4 > 3))
        << type;
  }
  EXPECT_FALSE(overlay_.on_message(now_, node_id(2), Bytes{1, 2}, out_));
  EXPECT_EQ(overlay_.active().size(), 3u);
}

}  // namespace
}  // namespace zswarm::bus
