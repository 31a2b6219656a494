// What a client does with messages that no honest server sends.
#include "bus/service/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bus/wire/pack.h"
#include "tests/bus/service/network.h"

namespace zswarm::bus {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Time kStart{1s};

struct Bench {
  Bench() : random(1), client({}, 1, random) {
    id = *client.call(kStart, node_named(2), {.service = "echo", .payload = {}, .window = {2, kEventBytes}},
                      out);
  }
  Status give(const Bytes& message, std::vector<Bytes> frames = {}, std::uint8_t from = 2) {
    return client.on_message(kStart, node_named(from), *read_header(message), message, std::move(frames),
                             out);
  }
  /// How the stream ended: the code's name, "ok", or "" if it has not; events go to `events`.
  std::string ended() {
    std::string code;
    for (const StreamDelivery& delivery : client.take_events()) {
      if (const auto* end = std::get_if<StreamEnd>(&delivery)) {
        EXPECT_EQ(code, "");
        code = end->error ? error_code_name(end->error->code) : "ok";
      } else {
        ++events;
      }
    }
    return code;
  }
  std::vector<MessageType> sent() {
    std::vector<MessageType> types;
    for (const Effect& effect : out.take())
      types.push_back(read_header(std::get<Send>(effect).message)->type);
    return types;
  }

  Random random;
  ServiceClient client;
  Outbox out;
  std::uint32_t id = 0;
  std::size_t events = 0;
};

TEST(ServiceClient, EndsAStreamThatSendsMoreThanItWasGranted) {
  Bench bench;
  EXPECT_TRUE(bench.give(write_event(bench.id, 0, {})));
  EXPECT_TRUE(bench.give(write_event(bench.id, 1, {})));
  (void)bench.sent();
  EXPECT_FALSE(bench.give(write_event(bench.id, 2, {})));
  EXPECT_EQ(bench.ended(), "refused");
  EXPECT_EQ(bench.events, 2u);
  EXPECT_THAT(bench.sent(), ElementsAre(MessageType::kCancel));

  Bench bytes;
  EXPECT_TRUE(bytes.give(write_event(bytes.id, 0, Bytes(1))));
  EXPECT_FALSE(bytes.give(write_event(bytes.id, 1, Bytes(kEventBytes))));
  EXPECT_EQ(bytes.ended(), "refused");
}

TEST(ServiceClient, PassesOverEventsThatComeTwiceAndEndsWhereSomeAreMissing) {
  Bench bench;
  const Bytes first = write_event(bench.id, 0, {});
  EXPECT_TRUE(bench.give(first));
  EXPECT_TRUE(bench.give(first));
  EXPECT_EQ(bench.ended(), "");
  EXPECT_EQ(bench.events, 1u);
  EXPECT_TRUE(bench.give(write_event(bench.id, 2, {})));
  EXPECT_EQ(bench.ended(), "unreachable");
}

TEST(ServiceClient, BelievesNoEndThatContradictsTheEvents) {
  Bench fewer;
  EXPECT_TRUE(fewer.give(write_end(fewer.id, {.events = 1, .error = {}, .trailer = {}})));
  EXPECT_EQ(fewer.ended(), "unreachable");
  Bench more;
  EXPECT_TRUE(more.give(write_event(more.id, 0, {})));
  EXPECT_FALSE(more.give(write_end(more.id, {.events = 0, .error = {}, .trailer = {}})));
  EXPECT_EQ(more.ended(), "malformed");
}

TEST(ServiceClient, NoticesByASignOfLifeThatTheLastEventsWereLost) {
  Bench bench;
  EXPECT_TRUE(bench.give(write_alive(bench.id, 0)));
  EXPECT_EQ(bench.ended(), "");
  EXPECT_TRUE(bench.give(write_alive(bench.id, 1)));
  EXPECT_EQ(bench.ended(), "unreachable");
}

TEST(ServiceClient, ListensOnlyToTheNodeThatItAsked) {
  Bench bench;
  EXPECT_TRUE(bench.give(write_end(bench.id, {.events = 0, .error = {}, .trailer = {}}), {}, 3));
  EXPECT_TRUE(bench.give(write_end(bench.id + 1, {.events = 0, .error = {}, .trailer = {}})));
  EXPECT_EQ(bench.ended(), "");
  EXPECT_EQ(bench.client.stats().strays, 2u);
}

TEST(ServiceClient, EndsAStreamOnMalformedMessages) {
  for (const MessageType type : {MessageType::kEvent, MessageType::kEnd, MessageType::kAlive}) {
    Bench bench;
    EXPECT_FALSE(bench.give(Writer(type, 1, bench.id).text("?").take()));
    EXPECT_EQ(bench.ended(), "malformed");
    EXPECT_EQ(bench.client.streams(), 0u);
  }
  Bench frames;
  EXPECT_FALSE(frames.give(write_event(frames.id, 0, {}), std::vector<Bytes>(kFrames + 1)));
  EXPECT_EQ(frames.ended(), "malformed");
}

TEST(ServiceClient, ShowsNoRawBytesOfASentence) {
  Bench bench;
  EXPECT_TRUE(bench.give(write_end(bench.id, {0, Error{ErrorCode::kIo, "a\x1b[2Jb\xff"}, {}})));
  const auto deliveries = bench.client.take_events();
  EXPECT_EQ(std::get<StreamEnd>(deliveries.at(0)).error->message, "a?[2Jb?");
}

TEST(ServiceClient, AsksAgainUntilItIsAnsweredAndThenGivesUp) {
  Bench bench;
  EXPECT_THAT(bench.sent(), ElementsAre(MessageType::kRequest));
  for (Time now = kStart; now < kStart + 4900ms; now = now + 50ms) bench.client.on_timer(now, bench.out);
  EXPECT_THAT(bench.sent(), ElementsAre(MessageType::kRequest, MessageType::kRequest));
  EXPECT_EQ(bench.ended(), "");
  bench.client.on_timer(kStart + 4950ms, bench.out);
  bench.client.on_timer(kStart + 5s, bench.out);
  EXPECT_EQ(bench.ended(), "unreachable");
}

TEST(ServiceClient, BlamesNobodyForSilenceWhileItsOwnProcessStood) {
  Bench bench;
  bench.client.on_timer(kStart + 30s, bench.out);
  EXPECT_EQ(bench.ended(), "");
}

TEST(ServiceClient, RefusesCallsOverTheLimits) {
  Bench bench;
  const auto code = [&](ServiceCall call) {
    return bench.client.call(kStart, node_named(2), std::move(call), bench.out).error().code;
  };
  EXPECT_EQ(code({.service = "", .payload = {}}), ErrorCode::kRefused);
  EXPECT_EQ(code({.service = std::string(65, 'x'), .payload = {}}), ErrorCode::kRefused);
  EXPECT_EQ(code({.service = "echo", .payload = Bytes(kRequestPayloadBytes + 1)}), ErrorCode::kTooLarge);
  EXPECT_EQ(code({.service = "echo", .payload = {}, .frames = std::vector<Bytes>(17)}), ErrorCode::kTooLarge);
  EXPECT_EQ(code({.service = "echo", .payload = {}, .deadline = 0ms}), ErrorCode::kRefused);
  EXPECT_EQ(code({.service = "echo", .payload = {}, .window = {1, kEventBytes - 1}}), ErrorCode::kRefused);
  EXPECT_EQ(code({.service = "echo", .payload = {}, .window = {0, kEventBytes}}), ErrorCode::kRefused);
}

TEST(ServiceClient, GathersSmallGrantsAndNeverExceedsTheWindow) {
  Random random(1);
  ServiceClient client({}, 1, random);
  Outbox out;
  const std::uint32_t id =
      *client.call(kStart, node_named(2), {.service = "echo", .payload = {}, .window = {100, 1u << 20}}, out);
  (void)out.take();
  std::size_t grants = 0;
  for (std::uint64_t number = 0; number < 1000; ++number) {
    const Bytes event = write_event(id, number, Bytes(10));
    EXPECT_TRUE(client.on_message(kStart, node_named(2), *read_header(event), event, {}, out));
    client.grant(kStart, id, {1, 10}, out);
    grants += out.take().size();
  }
  EXPECT_LE(grants, 20u);
  client.grant(kStart, id, {UINT64_MAX, UINT64_MAX}, out);
  client.on_timer(kStart + 1s, out);
  const auto effects = out.take();
  ASSERT_THAT(effects, SizeIs(1));
  const Result<Credit> total = read_credit(std::get<Send>(effects[0]).message);
  EXPECT_EQ(*total, (Credit{1000 + kWindowEvents, 10'000 + kWindowBytes}));
}

}  // namespace
}  // namespace zswarm::bus
