#include "bus/overlay/detector.h"

#include <gtest/gtest.h>

#include "tests/bus/overlay/small_network.h"

namespace zswarm::bus {
namespace {

/// One detector with neighbours 1 to n, whose answers the test gives.
class DetectorTest : public ::testing::Test {
 protected:
  void link(std::size_t count) {
    for (std::size_t i = 1; i <= count; ++i) detector_.add(now_, peer_of(i));
  }
  /// Lets timers come until this time has passed; answers probes for those who live.
  void run(Duration time, const std::vector<std::size_t>& living, bool helpers_say_nack = false) {
    const Time end = now_ + time;
    while (detector_.next_timer() <= end) {
      now_ = std::max(now_, detector_.next_timer());
      Outbox out;
      detector_.on_timer(now_, out);
      answer(out, living, helpers_say_nack);
    }
    now_ = end;
  }
  void answer(Outbox& out, const std::vector<std::size_t>& living, bool helpers_say_nack) {
    for (Effect& effect : out.take()) {
      if (const auto* published = std::get_if<Publish>(&effect);
          published != nullptr && published->topic == Topic::kEager &&
          read_header(published->message)->type == MessageType::kProbeCall) {
        Reader fields = Reader::of_message(published->message);
        calls_.push_back(fields.array(1).id());
      }
      if (const auto* knocked = std::get_if<Knock>(&effect)) {
        ++knocks_[knocked->to];
        if (machine_says_ && !is_among(living, knocked->to)) {
          Outbox more;
          detector_.on_knocked(now_, knocked->to, *machine_says_, more);
        }
      }
      auto* send = std::get_if<Send>(&effect);
      if (send == nullptr) continue;
      const Header header = *read_header(send->message);
      if (header.type == MessageType::kProbe) {
        ++probes_[send->to];
        Reader fields = Reader::of_message(send->message);
        for (int i = 0; i < 5; ++i) static_cast<void>(fields.uint());
        last_pause_ms_ = fields.uint();
      }
      if (!is_among(living, send->to)) continue;
      if (header.type == MessageType::kProbe) {
        receive(send->to,
                Writer(MessageType::kProbeAck, 3, header.request_id).uint(1).uint(2).boolean(true).take());
      } else if (header.type == MessageType::kProbeRequest && helpers_say_nack) {
        Reader fields = Reader::of_message(send->message);
        Writer nack(MessageType::kProbeNack, 2, header.request_id);
        receive(send->to, nack.id(fields.id()).uint(helpers_are_told_).take());
      }
    }
  }
  static bool is_among(const std::vector<std::size_t>& nodes, const NodeId& id) {
    return std::any_of(nodes.begin(), nodes.end(), [&](std::size_t i) { return node_id(i) == id; });
  }
  std::vector<Effect> receive(const NodeId& from, const Bytes& message) {
    Outbox out;
    detector_.heard(now_, from);
    EXPECT_TRUE(detector_.on_message(now_, from, *read_header(message), message, out));
    return out.take();
  }
  std::size_t found(Detector::Kind kind) {
    for (Detector::Finding& f : detector_.take_findings()) findings_.push_back(f);
    return static_cast<std::size_t>(
        std::count_if(findings_.begin(), findings_.end(), [&](const auto& f) { return f.kind == kind; }));
  }
  static Bytes probe(std::uint64_t incarnation, std::uint64_t instance, std::uint64_t suspected = 0,
                     std::uint64_t late_permille = 0, std::uint64_t pause_ms = 0) {
    return Writer(MessageType::kProbe, 6, 9)
        .uint(incarnation)
        .uint(instance)
        .uint(1)
        .uint(suspected)
        .uint(late_permille)
        .uint(pause_ms)
        .take();
  }

  OverlayConfig config_;
  Self self_{node_id(0), PlainCards::of(node_id(0)), 10, 11};
  PlainCards cards_;
  Random random_{1};
  Detector detector_{config_, self_, cards_, random_};
  Time now_{Duration(1'000'000)};
  std::vector<Detector::Finding> findings_;
  std::map<NodeId, int> probes_;
  std::map<NodeId, int> knocks_;
  std::optional<bool> machine_says_;    // of those who are silent, when we knock: whether a process listens
  std::uint64_t helpers_are_told_ = 0;  // 1: it listens, 2: it is refused
  std::vector<NodeId> calls_;
  std::optional<std::uint64_t> last_pause_ms_;
};

TEST_F(DetectorTest, ProbesEachNeighbourOnceInItsTime) {
  link(5);
  run(60s, {1, 2, 3, 4, 5});
  for (std::size_t i = 1; i <= 5; ++i)
    EXPECT_NEAR(probes_[node_id(i)], static_cast<int>(60s / config_.probe_every), 8);
  EXPECT_EQ(found(Detector::Kind::kSuspected), 0u);
}

TEST_F(DetectorTest, LeavesItsProbeOutWhereTheOtherHasProbed) {
  link(1);
  run(1s, {1});
  const int before = probes_[node_id(1)];
  for (int i = 0; i < 20; ++i) {
    receive(node_id(1), probe(1, 2));
    run(1s, {1});
  }
  EXPECT_EQ(probes_[node_id(1)], before);
}

TEST_F(DetectorTest, ASilentNeighbourIsSuspectedThenDead) {
  link(4);
  run(30s, {1, 2, 3, 4});
  run(3s, {1, 2, 3});
  EXPECT_EQ(found(Detector::Kind::kSuspected), 1u);
  EXPECT_EQ(found(Detector::Kind::kDead), 0u);
  run(6s, {1, 2, 3});
  EXPECT_EQ(found(Detector::Kind::kDead), 1u);
}

TEST_F(DetectorTest, ConfirmationsOfHelpersShortenASuspicion) {
  link(4);
  run(60s, {1, 2, 3, 4});
  run(5s, {1, 2, 3}, true);
  EXPECT_EQ(found(Detector::Kind::kDead), 1u);
}

TEST_F(DetectorTest, WhoDoesNotAnswerOverControlIsCalledOverGossipFirst) {
  link(4);
  run(30s, {1, 2, 3, 4});
  while (calls_.empty()) run(50ms, {1, 2, 3});
  EXPECT_EQ(calls_, std::vector{node_id(4)});
  EXPECT_EQ(found(Detector::Kind::kSuspected), 0u);
  receive(node_id(4), Writer(MessageType::kProbeHere, 0).take());
  run(1s, {1, 2, 3});
  EXPECT_EQ(found(Detector::Kind::kSuspected), 0u);
}

TEST_F(DetectorTest, AnswersACallOnBothTopicsAndOnceInATenthOfASecond) {
  link(2);
  const auto call = [](std::size_t whom) {
    Writer writer(MessageType::kProbeCall, 1);
    return writer.array(1).id(node_id(whom)).take();
  };
  EXPECT_TRUE(receive(node_id(1), call(2)).empty());
  EXPECT_TRUE(receive(node_id(9), call(0)).empty());  // no neighbour
  const auto effects = receive(node_id(1), call(0));
  ASSERT_EQ(effects.size(), 2u);
  EXPECT_NE(std::get<Publish>(effects[0]).topic, std::get<Publish>(effects[1]).topic);
  EXPECT_TRUE(receive(node_id(2), call(0)).empty());
  now_ = now_ + config_.here_every;
  EXPECT_EQ(receive(node_id(2), call(0)).size(), 2u);
}

TEST_F(DetectorTest, WhoPausesSaysSoAndIsGivenLonger) {
  link(4);
  for (std::size_t i = 1; i <= 4; ++i) receive(node_id(i), probe(1, 2, 0, 0, i == 4 ? 10'000 : 0));
  run(60s, {1, 2, 3, 4}, true);
  run(11s, {1, 2, 3}, true);
  EXPECT_EQ(found(Detector::Kind::kSuspected), 1u);
  EXPECT_EQ(found(Detector::Kind::kDead), 0u);
  run(6s, {1, 2, 3}, true);
  EXPECT_EQ(found(Detector::Kind::kDead), 1u);
}

TEST_F(DetectorTest, TellsOfItsOwnPausesForAnHour) {
  link(1);
  const auto told_ms = [&] {
    last_pause_ms_.reset();
    while (!last_pause_ms_) run(1s, {1});
    return *last_pause_ms_;
  };
  EXPECT_EQ(told_ms(), 0u);
  detector_.on_stall(now_, 7s);
  detector_.on_stall(now_, 3s);
  EXPECT_EQ(told_ms(), 7000u);
  now_ = now_ + config_.remember_pause;
  EXPECT_EQ(told_ms(), 0u);
}

TEST_F(DetectorTest, WhereManySegmentsAreLostTheSilentAreGivenLongerThanTenSeconds) {
  link(4);
  for (std::size_t i = 1; i <= 4; ++i) receive(node_id(i), probe(1, 2, 0, 400));
  run(2s, {1, 2, 3, 4}, true);  // our own measure still rests on little
  EXPECT_GT(detector_.late_ppm(), config_.trouble_late_ppm);
  run(12s, {1, 2, 3}, true);
  EXPECT_EQ(found(Detector::Kind::kDead), 0u);
  run(6s, {1, 2, 3}, true);
  EXPECT_EQ(found(Detector::Kind::kDead), 1u);
}

TEST_F(DetectorTest, WhereNothingIsLostTheSilentAreDeadWithinFourSeconds) {
  link(4);
  run(60s, {1, 2, 3, 4}, true);
  EXPECT_LT(detector_.late_ppm(), config_.sound_late_ppm);
  run(config_.probe_every * 5 / 4 + 2s + 300ms, {1, 2, 3}, true);
  EXPECT_EQ(found(Detector::Kind::kDead), 1u);
}

TEST_F(DetectorTest, OfWhomNothingWasHeardSinceTheLinkCameAboutIsOutOfReachAndNotDead) {
  link(3);
  run(30s, {1, 2});
  EXPECT_GE(found(Detector::Kind::kUnreachable), 1u);
  EXPECT_EQ(found(Detector::Kind::kDead), 0u);
}

TEST_F(DetectorTest, WhoSpokeSinceTheLinkCameAboutIsDeadThoughItHasNeverAnswered) {
  link(3);
  receive(node_id(3), Writer(MessageType::kProbeHere, 0).take());
  run(30s, {1, 2});
  EXPECT_GE(found(Detector::Kind::kDead), 1u);
  EXPECT_EQ(found(Detector::Kind::kUnreachable), 0u);
}

TEST_F(DetectorTest, ADeathNamesTheIncarnationOfTheCardIfNoProbeWasEverAnswered) {
  struct DatedCards : PlainCards {
    [[nodiscard]] std::uint64_t incarnation(ByteView) const override { return 5; }
  } cards;
  Detector detector(config_, self_, cards, random_);
  detector.add(now_, peer_of(1));
  detector.heard(now_, node_id(1));
  for (const Time end = now_ + 30s; detector.next_timer() <= end;) {
    now_ = std::max(now_, detector.next_timer());
    Outbox out;
    detector.on_timer(now_, out);
  }
  const auto findings = detector.take_findings();
  const auto dead = std::find_if(findings.begin(), findings.end(),
                                 [](const auto& f) { return f.kind == Detector::Kind::kDead; });
  ASSERT_NE(dead, findings.end());
  EXPECT_EQ(dead->incarnation, 5u);
}

TEST_F(DetectorTest, ASilentNeighbourWhoseMachineTakesConnectionsIsGivenThirtySeconds) {
  link(4);
  run(60s, {1, 2, 3, 4}, true);
  machine_says_ = true;
  run(25s, {1, 2, 3}, true);
  EXPECT_EQ(found(Detector::Kind::kSuspected), 1u);
  EXPECT_EQ(found(Detector::Kind::kDead), 0u);
  run(8s, {1, 2, 3}, true);
  EXPECT_GE(found(Detector::Kind::kDead), 1u);
}

TEST_F(DetectorTest, OneHelpersWordThatTheMachineTakesConnectionsIsEnough) {
  link(4);
  run(60s, {1, 2, 3, 4}, true);
  helpers_are_told_ = 1;
  run(25s, {1, 2, 3}, true);
  EXPECT_EQ(found(Detector::Kind::kDead), 0u);
}

TEST_F(DetectorTest, AMachineThatRefusesEndsASuspicionAsSoonAsItMay) {
  link(4);
  for (std::size_t i = 1; i <= 4; ++i) receive(node_id(i), probe(1, 2, 0, 400));  // else they had 14 s
  run(2s, {1, 2, 3, 4}, true);
  machine_says_ = false;
  run(config_.probe_every * 5 / 4 + 1s + config_.suspicion_min, {1, 2, 3}, true);
  EXPECT_EQ(found(Detector::Kind::kDead), 1u);
}

TEST_F(DetectorTest, OneHelperAloneDoesNotKillBySayingThatItIsRefused) {
  link(4);
  for (std::size_t i = 1; i <= 4; ++i) receive(node_id(i), probe(1, 2, 0, 400));
  run(2s, {1, 2, 3, 4}, true);
  helpers_are_told_ = 2;
  run(8s, {1}, true);
  EXPECT_GT(found(Detector::Kind::kSuspected), 0u);
  EXPECT_EQ(found(Detector::Kind::kDead), 0u);
}

TEST_F(DetectorTest, TwoHelpersThatAreRefusedAreBelieved) {
  link(4);
  for (std::size_t i = 1; i <= 4; ++i) receive(node_id(i), probe(1, 2, 0, 400));
  run(2s, {1, 2, 3, 4}, true);
  helpers_are_told_ = 2;
  run(config_.probe_every * 5 / 4 + 1s + config_.suspicion_min, {1, 2, 3}, true);
  EXPECT_EQ(found(Detector::Kind::kDead), 1u);
}

TEST_F(DetectorTest, WhoRefusesAfterItTookConnectionsHasDiedMeanwhile) {
  link(4);
  run(60s, {1, 2, 3, 4}, true);
  machine_says_ = true;
  run(8s, {1, 2, 3}, true);
  ASSERT_EQ(found(Detector::Kind::kDead), 0u);
  machine_says_ = false;
  run(config_.knock_again + 1s, {1, 2, 3}, true);
  EXPECT_EQ(found(Detector::Kind::kDead), 1u);
}

TEST_F(DetectorTest, KnocksAreFewOnceTheMachineHasSpoken) {
  link(4);
  run(60s, {1, 2, 3, 4}, true);
  ASSERT_EQ(knocks_[node_id(4)], 0);
  machine_says_ = true;
  run(25s, {1, 2, 3}, true);
  EXPECT_GE(knocks_[node_id(4)], 4);
  EXPECT_LE(knocks_[node_id(4)], 6);
}

TEST_F(DetectorTest, AHelperTellsWhatTheMachineSaidOnce) {
  link(2);
  const auto request = [] {
    Writer writer(MessageType::kProbeRequest, 2, 5);
    return writer.id(node_id(2)).bin(PlainCards::of(node_id(2))).take();
  };
  const auto effects = receive(node_id(1), request());
  EXPECT_TRUE(std::any_of(effects.begin(), effects.end(),
                          [](const Effect& e) { return std::holds_alternative<Knock>(e); }));
  Outbox out;
  detector_.on_knocked(now_, node_id(2), true, out);
  detector_.on_knocked(now_, node_id(2), true, out);
  const std::vector<Effect> told = out.take();
  ASSERT_EQ(told.size(), 1u);
  const Send& nack = std::get<Send>(told[0]);
  EXPECT_EQ(nack.to, node_id(1));
  Reader fields = Reader::of_message(nack.message);
  EXPECT_EQ(fields.id(), node_id(2));
  EXPECT_EQ(fields.uint(), 1u);
}

TEST_F(DetectorTest, AnAuditedMemberThatNobodyReachesIsDead) {
  link(4);
  run(10s, {1, 2, 3, 4});
  Outbox out;
  detector_.audit(now_, {peer_of(9), 77}, out);
  answer(out, {1, 2, 3, 4}, true);
  run(config_.audit_answer + config_.audit_patience - 1s, {1, 2, 3, 4}, true);
  EXPECT_EQ(found(Detector::Kind::kDead), 0u);
  run(2s, {1, 2, 3, 4}, true);
  ASSERT_EQ(found(Detector::Kind::kDead), 1u);
  EXPECT_EQ(findings_.back().id, node_id(9));
  EXPECT_EQ(findings_.back().incarnation, 77u);
  EXPECT_EQ(found(Detector::Kind::kSuspected), 0u);
  EXPECT_FALSE(detector_.audits());
}

TEST_F(DetectorTest, AnAuditedMemberThatAnswersIsNotLookedAtAnyLonger) {
  link(4);
  Outbox out;
  detector_.audit(now_, {peer_of(9), 77}, out);
  ASSERT_TRUE(detector_.audits());
  answer(out, {9}, true);
  EXPECT_FALSE(detector_.audits());
}

TEST_F(DetectorTest, AnAuditedMemberIsNotDeadWithoutTheHelpersWord) {
  link(4);
  Outbox out;
  detector_.audit(now_, {peer_of(9), 77}, out);
  answer(out, {1, 2, 3, 4}, false);
  run(config_.audit_answer + config_.audit_patience + 1s, {1, 2, 3, 4});
  EXPECT_EQ(found(Detector::Kind::kDead), 0u);
  EXPECT_FALSE(detector_.audits());
}

TEST_F(DetectorTest, AnAuditedMemberWhoseMachineTakesConnectionsIsNotDead) {
  link(4);
  machine_says_ = true;
  Outbox out;
  detector_.audit(now_, {peer_of(9), 77}, out);
  run(config_.audit_answer + config_.audit_patience + 1s, {1, 2, 3, 4}, true);
  EXPECT_EQ(found(Detector::Kind::kDead), 0u);
}

TEST_F(DetectorTest, AnAuditedMemberWhoseMachineRefusesIsDeadWhenHelpersAgree) {
  link(4);
  machine_says_ = false;
  Outbox out;
  detector_.audit(now_, {peer_of(9), 77}, out);
  run(config_.audit_answer + config_.helper_timeout + 1s, {1, 2, 3, 4}, true);
  EXPECT_EQ(found(Detector::Kind::kDead), 1u);
}

TEST_F(DetectorTest, AnythingHeardEndsASuspicion) {
  link(4);
  run(30s, {1, 2, 3, 4});
  run(3s, {1, 2, 3});
  ASSERT_EQ(found(Detector::Kind::kSuspected), 1u);
  detector_.heard(now_, node_id(4));
  EXPECT_EQ(found(Detector::Kind::kRefuted), 1u);
  run(20s, {1, 2, 3, 4});
  EXPECT_EQ(found(Detector::Kind::kDead), 0u);
}

TEST_F(DetectorTest, AfterAStallNobodyIsBlamed) {
  link(4);
  run(30s, {1, 2, 3, 4});
  run(3s, {});
  ASSERT_GT(found(Detector::Kind::kSuspected), 0u);
  now_ = now_ + 10s;
  detector_.on_stall(now_, 10s);
  run(20s, {1, 2, 3, 4});
  EXPECT_EQ(found(Detector::Kind::kDead), 0u);
  EXPECT_EQ(detector_.health(), 0u);
}

TEST_F(DetectorTest, RefutesASuspicionOfItselfWithAHigherIncarnation) {
  link(1);
  const auto effects = receive(node_id(1), probe(1, 2, 10));
  EXPECT_EQ(self_.incarnation, 11u);
  EXPECT_EQ(found(Detector::Kind::kSelfSuspected), 1u);
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(Reader::of_message(std::get<Send>(effects[0]).message).uint(), 11u);
  receive(node_id(1), probe(1, 2, 10));  // an old one
  EXPECT_EQ(self_.incarnation, 11u);
  receive(node_id(1), probe(1, 2, UINT64_MAX - 1));  // a lie
  EXPECT_EQ(self_.incarnation, 11u);
}

TEST_F(DetectorTest, TwoProcessesWithOneIdentityAreNoticed) {
  link(1);
  for (int i = 0; i < 20; ++i) {
    receive(node_id(1), probe(100, 1));
    run(1s, {});
    receive(node_id(1), probe(200, 2));
    run(1s, {});
  }
  EXPECT_EQ(found(Detector::Kind::kDuplicate), 1u);  // 40 s: told once
}

TEST_F(DetectorTest, ARestartIsNoDuplicate) {
  link(1);
  receive(node_id(1), probe(100, 1));
  run(1s, {});
  receive(node_id(1), probe(200, 2));
  receive(node_id(1), probe(100, 1));  // its last words arrive late
  run(1s, {});
  for (int i = 0; i < 20; ++i) {
    receive(node_id(1), probe(200, 2));
    run(1s, {});
  }
  EXPECT_EQ(found(Detector::Kind::kDuplicate), 0u);
}

TEST_F(DetectorTest, HelpsNeighboursOnlyAndSaysSoWhenItGetsNoAnswer) {
  link(1);
  const Bytes request =
      Writer(MessageType::kProbeRequest, 2, 77).id(node_id(9)).bin(PlainCards::of(node_id(9))).take();
  EXPECT_TRUE(receive(node_id(5), request).empty());
  const auto effects = receive(node_id(1), request);
  ASSERT_EQ(effects.size(), 3u);
  EXPECT_TRUE(std::holds_alternative<Admit>(effects[0]));
  EXPECT_EQ(std::get<Send>(effects[1]).to, node_id(9));
  EXPECT_EQ(std::get<Knock>(effects[2]).to, node_id(9));
  now_ = now_ + config_.helper_timeout;
  Outbox out;
  detector_.on_timer(now_, out);
  std::size_t nacks = 0;
  for (const Effect& effect : out.take()) {
    const auto* send = std::get_if<Send>(&effect);
    nacks += send != nullptr && read_header(send->message)->type == MessageType::kProbeNack ? 1 : 0;
  }
  EXPECT_EQ(nacks, 1u);
}

}  // namespace
}  // namespace zswarm::bus
