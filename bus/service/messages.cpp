#include "bus/service/messages.h"

#include <algorithm>

#include "bus/wire/pack.h"

namespace zswarm::bus {
namespace {

constexpr std::string_view kOk = "ok";
constexpr std::size_t kCodeBytes = 32;

tl::unexpected<Error> malformed() {
  return fail(ErrorCode::kMalformed, "a message of a request or stream does not have the fields of its type");
}

Bytes owned(ByteView view) {
  return Bytes(view.begin(), view.end());
}

std::string printable(std::string_view text) {
  std::string shown(text);
  for (char& c : shown) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return shown;
}

}  // namespace

Bytes write_request(std::uint32_t id, const RequestMessage& request) {
  return Writer(MessageType::kRequest, 7, id)
      .uint(request.incarnation)
      .text(request.service)
      .uint(request.deadline_ms)
      .uint(request.priority)
      .uint(request.credit.events)
      .uint(request.credit.bytes)
      .bin(request.payload)
      .take();
}

Bytes write_event(std::uint32_t id, std::uint64_t number, ByteView payload) {
  return Writer(MessageType::kEvent, 2, id).uint(number).bin(payload).take();
}

Bytes write_end(std::uint32_t id, const EndMessage& end) {
  const std::string_view sentence = end.error ? std::string_view(end.error->message) : std::string_view();
  return Writer(MessageType::kEnd, 4, id)
      .uint(end.events)
      .text(end.error ? error_code_name(end.error->code) : kOk)
      .text(sentence.substr(0, kSentenceBytes))
      .bin(end.trailer)
      .take();
}

Bytes write_credit(MessageType type, std::uint32_t id, const Credit& total) {
  return Writer(type, 2, id).uint(total.events).uint(total.bytes).take();
}

Bytes write_cancel(std::uint32_t id) {
  return Writer(MessageType::kCancel, 0, id).take();
}

Bytes write_alive(std::uint32_t id, std::uint64_t events) {
  return Writer(MessageType::kAlive, 1, id).uint(events).take();
}

Result<RequestMessage> read_request(ByteView message) {
  Reader reader = Reader::of_message(message);
  RequestMessage request;
  request.incarnation = reader.uint();
  request.service = reader.text(kServiceNameBytes);
  request.deadline_ms = static_cast<std::uint32_t>(reader.uint(kDeadlineMs));
  request.priority = static_cast<std::uint8_t>(reader.uint(UINT8_MAX));
  request.credit.events = reader.uint(kWindowEvents);
  request.credit.bytes = reader.uint(kWindowBytes);
  request.payload = owned(reader.bin(kRequestPayloadBytes));
  if (!reader.ok() || request.incarnation == 0 || request.service.empty() || request.deadline_ms == 0 ||
      request.credit.events == 0 || request.credit.bytes < kEventBytes) {
    return malformed();
  }
  return request;
}

Result<EventMessage> read_event(ByteView message) {
  Reader reader = Reader::of_message(message);
  EventMessage event;
  event.number = reader.uint();
  event.payload = owned(reader.bin(kEventBytes));
  if (!reader.ok()) return malformed();
  return event;
}

Result<EndMessage> read_end(ByteView message) {
  Reader reader = Reader::of_message(message);
  EndMessage end;
  end.events = reader.uint();
  const std::string_view code = reader.text(kCodeBytes), sentence = reader.text(kSentenceBytes);
  end.trailer = owned(reader.bin(kTrailerBytes));
  if (!reader.ok()) return malformed();
  if (code != kOk) end.error = Error{error_code_of(code), printable(sentence)};
  return end;
}

Result<Credit> read_credit(ByteView message) {
  Reader reader = Reader::of_message(message);
  const Credit total{reader.uint(), reader.uint()};
  if (!reader.ok()) return malformed();
  return total;
}

Result<std::uint64_t> read_alive(ByteView message) {
  Reader reader = Reader::of_message(message);
  const std::uint64_t events = reader.uint();
  if (!reader.ok()) return malformed();
  return events;
}

bool frames_fit(const std::vector<Bytes>& frames) {
  return frames.size() <= kFrames && std::all_of(frames.begin(), frames.end(), [](const Bytes& frame) {
           return frame.size() <= kFrameBytes;
         });
}

std::size_t event_bytes(ByteView payload, const std::vector<Bytes>& frames) {
  std::size_t bytes = payload.size();
  for (const Bytes& frame : frames) bytes += frame.size();
  return bytes;
}

}  // namespace zswarm::bus
