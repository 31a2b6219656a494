// What a server does with messages that no honest client sends, or sends twice.
#include "bus/service/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bus/wire/pack.h"
#include "tests/bus/service/network.h"

namespace zswarm::bus {
namespace {

constexpr Time kServerStart{1s};

struct ServerBench {
  explicit ServerBench(const ServerConfig& config = {}) : server(config) {
    offered = server.offer("echo", 1000).has_value();
  }
  Status give(std::uint8_t from, const Bytes& message, std::vector<Bytes> frames = {},
              Time now = kServerStart) {
    return server.on_message(now, node_named(from), *read_header(message), message, std::move(frames), out);
  }
  Status request(std::uint8_t from, std::uint32_t id, std::uint64_t incarnation = 1,
                 const std::string& service = "echo", std::size_t payload = 3) {
    return give(from, write_request(id, {incarnation, service, 60'000, 0, {4, kEventBytes}, Bytes(payload)}));
  }
  /// The ends among what was sent since the last time, by code name.
  std::vector<std::string> ends() {
    std::vector<std::string> codes;
    for (const Effect& effect : out.take()) {
      const Bytes& message = std::get<Send>(effect).message;
      if (read_header(message)->type != MessageType::kEnd) continue;
      const Result<EndMessage> end = read_end(message);
      codes.emplace_back(end->error ? error_code_name(end->error->code) : "ok");
    }
    return codes;
  }

  ServiceServer server;
  Outbox out;
  bool offered = false;
};

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(ServiceServer, KeepsSoMuchForACallerThatDoesNotReadAndHasRoomForOthers) {
  ServerConfig config;
  config.buffered_bytes_per_peer = 1000;
  config.buffered_bytes = 1500;
  ServerBench bench(config);
  EXPECT_TRUE(bench.request(1, 1) && bench.request(1, 2) && bench.request(2, 1));
  const auto calls = bench.server.take_calls();
  ASSERT_THAT(calls, SizeIs(3));
  const auto event = [&](std::size_t call, std::size_t bytes) {
    return bench.server.event(kServerStart, calls[call].call, Bytes(bytes), {}, bench.out).has_value();
  };
  for (std::size_t call = 0; call < 3; ++call) {
    for (int granted = 0; granted < 4; ++granted) EXPECT_TRUE(event(call, 1));
  }
  EXPECT_TRUE(event(0, 600));
  EXPECT_FALSE(event(1, 600));
  EXPECT_EQ(bench.server.writable(calls[1].call)->queue.bytes, 400u);
  EXPECT_TRUE(event(2, 600));
  EXPECT_FALSE(event(2, 400));  // all together
  EXPECT_TRUE(bench.give(1, write_cancel(1)));
  EXPECT_TRUE(event(1, 600));
  EXPECT_EQ(bench.server.buffered_bytes(), 1200u);
}

TEST(ServiceServer, RunsARequestOnceHoweverOftenItComes) {
  ServerBench bench;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(bench.request(1, 7));
  const auto calls = bench.server.take_calls();
  ASSERT_THAT(calls, SizeIs(1));
  EXPECT_TRUE(bench.server.finish(kServerStart, calls[0].call, {1}, bench.out));
  EXPECT_THAT(bench.ends(), ElementsAre("ok"));
  EXPECT_TRUE(bench.request(1, 7));
  EXPECT_THAT(bench.server.take_calls(), IsEmpty());
  EXPECT_THAT(bench.ends(), ElementsAre("ok"));  // the end may have been lost: here it is again
  bench.server.on_timer(kServerStart + 11s, bench.out);
  EXPECT_TRUE(bench.request(1, 7));
  EXPECT_THAT(bench.server.take_calls(), IsEmpty());
  EXPECT_THAT(bench.ends(), ElementsAre("refused"));  // nobody remembers the end, but that there was one
  EXPECT_EQ(bench.server.stats().calls, 1u);
}

TEST(ServiceServer, TellsCallersWithEqualIdsApart) {
  ServerBench bench;
  EXPECT_TRUE(bench.request(1, 7));
  EXPECT_TRUE(bench.request(2, 7));
  const auto calls = bench.server.take_calls();
  ASSERT_THAT(calls, SizeIs(2));
  EXPECT_TRUE(bench.give(2, write_cancel(7)));
  const auto notices = bench.server.take_notices();
  ASSERT_THAT(notices, SizeIs(1));
  EXPECT_EQ(notices[0].call, calls[1].call);
}

TEST(ServiceServer, RefusesWithAReason) {
  ServerBench bench({.calls_max = 3, .calls_per_peer = 2, .waiting_bytes_per_peer = 1000});
  EXPECT_TRUE(bench.server.offer("small", 1));
  EXPECT_TRUE(bench.request(1, 1, 1, "unheard of"));
  EXPECT_THAT(bench.ends(), ElementsAre("not_found"));
  EXPECT_TRUE(bench.request(1, 2, 1, "echo", 1001));
  EXPECT_THAT(bench.ends(), ElementsAre("busy"));
  EXPECT_TRUE(bench.request(1, 3, 1, "small"));
  EXPECT_TRUE(bench.request(2, 3, 1, "small"));
  EXPECT_THAT(bench.ends(), ElementsAre("busy"));
  EXPECT_TRUE(bench.request(1, 4));
  EXPECT_TRUE(bench.request(1, 5));
  EXPECT_THAT(bench.ends(), ElementsAre("busy"));
  EXPECT_TRUE(bench.request(2, 6));
  EXPECT_TRUE(bench.request(3, 1));
  EXPECT_THAT(bench.ends(), ElementsAre("busy"));
  EXPECT_EQ(bench.server.calls(), 3u);
  EXPECT_FALSE(bench.give(1, Writer(MessageType::kRequest, 1, 9).uint(1).take()));
  EXPECT_THAT(bench.ends(), ElementsAre("malformed"));
  EXPECT_TRUE(
      bench.give(3, write_request(8, {1, "echo", 1000, 0, {1, kEventBytes}, {}}), {Bytes(kFrameBytes + 1)}));
  EXPECT_THAT(bench.ends(), ElementsAre("too_large"));
}

TEST(ServiceServer, AnswersAFloodOfRequestsWithSilence) {
  ServerBench bench({.calls_per_peer = 10, .requests_burst = 3000, .refusals_burst = 100});
  for (std::uint32_t id = 1; id <= 10'000; ++id) EXPECT_TRUE(bench.request(1, id));
  EXPECT_EQ(bench.server.calls(), 10u);
  EXPECT_THAT(bench.ends(), SizeIs(100));
  EXPECT_GT(bench.server.stats().dropped, 9000u);
  EXPECT_TRUE(bench.request(2, 1));  // another caller is not disturbed
  EXPECT_EQ(bench.server.calls(), 11u);
}

TEST(ServiceServer, KnowsABoundedNumberOfCallers) {
  ServerBench bench({.peers_max = 8});
  for (std::uint8_t peer = 1; peer <= 100; ++peer) (void)bench.request(peer, 1);
  EXPECT_EQ(bench.server.peers(), 8u);
  EXPECT_EQ(bench.server.calls(), 8u);
}

TEST(ServiceServer, KeepsABoundedQueueForAReaderThatDoesNotGrant) {
  ServerBench bench({.stream_events = 10});
  EXPECT_TRUE(bench.request(1, 1));
  const CallId call = bench.server.take_calls()[0].call;
  for (int i = 0; i < 14; ++i) EXPECT_TRUE(bench.server.event(kServerStart, call, {1}, {}, bench.out));
  EXPECT_THAT(bench.out.take(), SizeIs(4));
  const Status full = bench.server.event(kServerStart, call, {1}, {}, bench.out);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kBusy);
  EXPECT_EQ(bench.server.writable(call)->queue.events, 0u);
  EXPECT_TRUE(bench.give(1, write_credit(MessageType::kCredit, 1, {100, kEventBytes})));
  EXPECT_THAT(bench.out.take(), SizeIs(10));
  const auto notices = bench.server.take_notices();
  ASSERT_THAT(notices, SizeIs(1));
  EXPECT_FALSE(notices[0].ended);
  EXPECT_EQ(bench.server.writable(call)->credit.events, 86u);
}

TEST(ServiceServer, EndsAStreamWhoseReaderGrantsTheImpossible) {
  for (const Credit& grant :
       {Credit{kWindowEvents + 1, 1}, Credit{1, kWindowBytes + 1}, Credit{UINT64_MAX, UINT64_MAX}}) {
    ServerBench bench;
    EXPECT_TRUE(bench.request(1, 1));
    (void)bench.server.take_calls();
    EXPECT_FALSE(bench.give(1, write_credit(MessageType::kCredit, 1, grant)));
    EXPECT_THAT(bench.ends(), ElementsAre("refused"));
    EXPECT_EQ(bench.server.calls(), 0u);
    EXPECT_THAT(bench.server.take_notices(), SizeIs(1));
  }
}

TEST(ServiceServer, IgnoresGrantsThatAreOlderThanWhatItKnows) {
  ServerBench bench;
  EXPECT_TRUE(bench.request(1, 1));
  const CallId call = bench.server.take_calls()[0].call;
  EXPECT_TRUE(bench.give(1, write_credit(MessageType::kCredit, 1, {50, kEventBytes * 2})));
  EXPECT_TRUE(bench.give(1, write_credit(MessageType::kCredit, 1, {4, kEventBytes})));
  EXPECT_EQ(bench.server.writable(call)->credit, (Credit{50, kEventBytes * 2}));
}

TEST(ServiceServer, DropsRequestsOfACallersEarlierProcess) {
  ServerBench bench;
  EXPECT_TRUE(bench.request(1, 1, 5));
  EXPECT_TRUE(bench.request(1, 2, 4));
  EXPECT_EQ(bench.server.calls(), 1u);
  EXPECT_TRUE(bench.request(1, 1, 6));  // a new process may use the id again
  EXPECT_EQ(bench.server.calls(), 1u);
  EXPECT_EQ(bench.server.stats().calls, 2u);
}

TEST(ServiceServer, SpeaksOfNoCallThatTheProgramNeverSaw) {
  ServerBench bench;
  EXPECT_TRUE(bench.request(1, 1));
  EXPECT_TRUE(bench.give(1, write_cancel(1)));
  EXPECT_THAT(bench.server.take_calls(), IsEmpty());
  EXPECT_THAT(bench.server.take_notices(), IsEmpty());
  EXPECT_EQ(bench.server.waiting_bytes(), 0u);
}

TEST(ServiceServer, RefusesARequestThatComesAfterItsCancel) {
  ServerBench bench;
  EXPECT_TRUE(bench.request(1, 1));
  EXPECT_TRUE(bench.give(1, write_cancel(2)));
  EXPECT_TRUE(bench.request(1, 2));
  EXPECT_EQ(bench.server.calls(), 1u);
}

TEST(ServiceServer, TakesNothingFromAProgramThatIsOverTheLimits) {
  ServerBench bench;
  EXPECT_EQ(bench.server.offer("", 1).error().code, ErrorCode::kRefused);
  EXPECT_EQ(bench.server.offer(std::string(65, 'a'), 1).error().code, ErrorCode::kRefused);
  EXPECT_TRUE(bench.request(1, 1));
  const CallId call = bench.server.take_calls()[0].call;
  EXPECT_EQ(bench.server.event(kServerStart, call, Bytes(kEventBytes + 1), {}, bench.out).error().code,
            ErrorCode::kTooLarge);
  EXPECT_EQ(bench.server.finish(kServerStart, call, Bytes(kTrailerBytes + 1), bench.out).error().code,
            ErrorCode::kTooLarge);
  EXPECT_TRUE(bench.server.finish(kServerStart, call, {}, bench.out));
  EXPECT_EQ(bench.server.finish(kServerStart, call, {}, bench.out).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(bench.server.event(kServerStart, call, {}, {}, bench.out).error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(bench.server.writable(call));
}

RC_GTEST_PROP(ReplayWindow, FindsNoIdFreshTwice,
              (const std::vector<std::uint16_t>& steps, std::uint32_t start)) {
  ReplayWindow window;
  std::set<std::uint32_t> seen;
  std::uint32_t id = start;
  for (const std::uint16_t step : steps) {
    id += step % 5 == 0 ? std::uint32_t{step} * 16 : step % 7;
    const std::uint32_t tried = step % 3 == 0 ? id - step % 64 : id;  // wraps around, too
    if (!window.seen(tried)) RC_ASSERT(seen.insert(tried).second);
    window.mark(tried);
    RC_ASSERT(window.seen(tried));
  }
}

TEST(ReplayWindow, LetsLateIdsThroughOnce) {
  ReplayWindow window;
  window.mark(1000);
  EXPECT_FALSE(window.seen(990));
  window.mark(990);
  EXPECT_TRUE(window.seen(990));
  EXPECT_FALSE(window.seen(1001));
  window.mark(1000 + ReplayWindow::kIds);
  EXPECT_TRUE(window.seen(1000));  // too old to tell
  EXPECT_FALSE(window.seen(1001 + 5));
}

}  // namespace
}  // namespace zswarm::bus
