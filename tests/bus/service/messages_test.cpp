// The bytes of the examples in bus/PROTOCOL.md, which were computed apart from this code.
#include "bus/service/messages.h"

#include <gtest/gtest.h>

#include <string>

#include "bus/wire/message.h"

namespace zswarm::bus {
namespace {

std::string hex(const Bytes& bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

TEST(ServiceMessages, AreTheBytesOfTheSpecification) {
  EXPECT_EQ(hex(write_request(9, {3, "echo", 60'000, 5, {2, 262'144}, {'h', 'i'}})),
            "01005000000000099703a46563686fcdea600502ce00040000c4026869");
  EXPECT_EQ(hex(write_event(9, 1, Bytes{'i'})), "01005100000000099201c40169");
  EXPECT_EQ(hex(write_credit(MessageType::kCredit, 9, {4, 262'146})), "01005200000000099204ce00040002");
  EXPECT_EQ(hex(write_credit(MessageType::kBeat, 9, {4, 262'146})), "01005500000000099204ce00040002");
  EXPECT_EQ(hex(write_cancel(9)), "010053000000000990");
  EXPECT_EQ(hex(write_alive(9, 0)), "01005600000000099100");
  EXPECT_EQ(hex(write_end(9, {2, {}, {}})), "01005400000000099402a26f6ba0c400");
  EXPECT_EQ(hex(write_end(9, {0, Error{ErrorCode::kNotFound, "no such service"}, {}})),
            "01005400000000099400a96e6f745f666f756e64af6e6f20737563682073657276696365c400");
}

TEST(ServiceMessages, ComeBackAsTheyWereWritten) {
  const RequestMessage request{7, "generate", 1000, 255, {kWindowEvents, kWindowBytes}, Bytes(1000, 3)};
  const Result<RequestMessage> read = read_request(write_request(1, request));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->incarnation, 7u);
  EXPECT_EQ(read->service, "generate");
  EXPECT_EQ(read->deadline_ms, 1000u);
  EXPECT_EQ(read->priority, 255);
  EXPECT_EQ(read->credit, request.credit);
  EXPECT_EQ(read->payload, request.payload);
  const Result<EndMessage> end =
      read_end(write_end(1, {3, Error{ErrorCode::kBusy, std::string(300, 'x')}, {1}}));
  ASSERT_TRUE(end);
  EXPECT_EQ(end->events, 3u);
  EXPECT_EQ(end->error->code, ErrorCode::kBusy);
  EXPECT_EQ(end->error->message, std::string(kSentenceBytes, 'x'));
  EXPECT_EQ(end->trailer, Bytes{1});
}

TEST(ServiceMessages, OverTheirLimitsAreMalformed) {
  const RequestMessage good{1, "s", 1, 0, {1, kEventBytes}, {}};
  const auto fits = [&](auto spoil) {
    RequestMessage request = good;
    spoil(request);
    return read_request(write_request(1, request)).has_value();
  };
  EXPECT_TRUE(fits([](RequestMessage&) {}));
  EXPECT_FALSE(fits([](RequestMessage& r) { r.incarnation = 0; }));
  EXPECT_FALSE(fits([](RequestMessage& r) { r.service = ""; }));
  EXPECT_FALSE(fits([](RequestMessage& r) { r.service = std::string(65, 's'); }));
  EXPECT_FALSE(fits([](RequestMessage& r) { r.deadline_ms = 0; }));
  EXPECT_FALSE(fits([](RequestMessage& r) { r.deadline_ms = kDeadlineMs + 1; }));
  EXPECT_FALSE(fits([](RequestMessage& r) { r.credit.events = 0; }));
  EXPECT_FALSE(fits([](RequestMessage& r) { r.credit.events = kWindowEvents + 1; }));
  EXPECT_FALSE(fits([](RequestMessage& r) { r.credit.bytes = kEventBytes - 1; }));
  EXPECT_FALSE(fits([](RequestMessage& r) { r.credit.bytes = kWindowBytes + 1; }));
  EXPECT_FALSE(fits([](RequestMessage& r) { r.payload.resize(kRequestPayloadBytes + 1); }));
  EXPECT_FALSE(read_event(write_event(1, 0, Bytes(kEventBytes + 1))));
  EXPECT_FALSE(read_end(write_end(1, {0, {}, Bytes(kTrailerBytes + 1)})));
}

}  // namespace
}  // namespace zswarm::bus
