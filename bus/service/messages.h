// The messages of requests and streams (PROTOCOL.md, "Requests and streams"): what they say, and their bytes.
//
// Readers check every length and range; kMalformed if a message does not have the fields of its type. The
// header has been read by the caller, and its type chosen the function.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bus/base/bytes.h"
#include "bus/base/error.h"
#include "bus/service/limits.h"
#include "bus/wire/message.h"

namespace zswarm::bus {

/// What a reader allows, either as an amount or as a total since the beginning of the stream.
struct Credit {
  std::uint64_t events = 0, bytes = 0;
  friend bool operator==(const Credit&, const Credit&) = default;
};

struct RequestMessage {
  std::uint64_t incarnation = 0;  // of the caller, from 1; grows with each of its starts
  std::string service;            // 1 to kServiceNameBytes
  std::uint32_t deadline_ms = 0;  // from arrival; 1 to kDeadlineMs
  std::uint8_t priority = 0;      // higher is more urgent
  Credit credit;                  // first grant
  Bytes payload;
};

struct EventMessage {
  std::uint64_t number = 0;  // from 0, without gaps
  Bytes payload;
};

struct EndMessage {
  std::uint64_t events = 0;    // how many the stream had
  std::optional<Error> error;  // none: ok
  Bytes trailer;
};

[[nodiscard]] Bytes write_request(std::uint32_t id, const RequestMessage& request);
[[nodiscard]] Bytes write_event(std::uint32_t id, std::uint64_t number, ByteView payload);
/// A sentence beyond kSentenceBytes is cut.
[[nodiscard]] Bytes write_end(std::uint32_t id, const EndMessage& end);
/// Totals since the beginning; `type` is kCredit or kBeat.
[[nodiscard]] Bytes write_credit(MessageType type, std::uint32_t id, const Credit& total);
[[nodiscard]] Bytes write_cancel(std::uint32_t id);
[[nodiscard]] Bytes write_alive(std::uint32_t id, std::uint64_t events);

[[nodiscard]] Result<RequestMessage> read_request(ByteView message);
[[nodiscard]] Result<EventMessage> read_event(ByteView message);
/// The sentence holds printable ASCII only, whatever was sent.
[[nodiscard]] Result<EndMessage> read_end(ByteView message);
[[nodiscard]] Result<Credit> read_credit(ByteView message);
[[nodiscard]] Result<std::uint64_t> read_alive(ByteView message);

/// Whether frames beside a message keep the limits of this protocol.
[[nodiscard]] bool frames_fit(const std::vector<Bytes>& frames);
/// What an event takes of the bytes granted.
[[nodiscard]] std::size_t event_bytes(ByteView payload, const std::vector<Bytes>& frames);

}  // namespace zswarm::bus
