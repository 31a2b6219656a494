// A node whose program asks and answers by a script, and checkers that know nothing of the classes under
// test.
//
// The script of a call is its payload: so many events, each of so many bytes, written as fast as there is
// room or one per pause, then an end. What event n of a call must hold follows from the script and n.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bus/service/client.h"
#include "bus/service/server.h"
#include "bus/wire/pack.h"
#include "tests/bus/service/network.h"

namespace zswarm::bus {

struct Script {
  std::uint64_t events = 0, event_bytes = 0, pause_us = 0, serial = 0;
  bool fails = false;

  [[nodiscard]] Bytes pack() const {
    return Writer(5).uint(events).uint(event_bytes).uint(pause_us).uint(serial).boolean(fails).take();
  }
  [[nodiscard]] static Script unpack(ByteView bytes) {
    Reader reader = Reader::of_bytes(bytes);
    Script s{reader.uint(), reader.uint(), reader.uint(), reader.uint(), reader.boolean()};
    return reader.ok() ? s : Script{};
  }
  [[nodiscard]] Bytes payload(std::uint64_t number) const {
    Bytes bytes(event_bytes);
    Random random(serial * 1'000'003 + number);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.next());
    return bytes;
  }
  /// Every third event carries a frame beside its payload.
  [[nodiscard]] std::vector<Bytes> frames(std::uint64_t number) const {
    if (number % 3 != 0) return {};
    return {Bytes(number % 7, static_cast<std::uint8_t>(serial))};
  }
};

/// What a stream was seen to deliver, and what is wrong about it.
struct Seen {
  NodeId to;
  Script script;
  std::uint64_t events = 0;
  std::uint32_t ends = 0;
  std::optional<Error> error;
  Time ended;
};

class StreamPeer final : public TestNode {
 public:
  StreamPeer(NodeId id, std::uint64_t incarnation, TestNetwork& network, std::vector<std::string>& faults,
             const ServerConfig& server_config = {}, const ClientConfig& client_config = {})
      : id_(id),
        network_(network),
        faults_(faults),
        random_(network.random().next()),
        client(client_config, incarnation, random_),
        server(server_config) {
    if (!server.offer("script", 100'000)) faults_.push_back("a good name was refused");
  }

  /// Asks for a stream; grants again what was consumed after read_pause each time.
  std::uint32_t ask(const NodeId& to, const Script& script, Credit window, Duration read_pause,
                    std::chrono::milliseconds deadline, Outbox& out) {
    const auto id = client.call(network_.now(), to,
                                {.service = "script",
                                 .payload = script.pack(),
                                 .frames = {},
                                 .deadline = deadline,
                                 .priority = 1,
                                 .window = window},
                                out);
    if (!id) return faults_.push_back(id.error().message), 0;
    seen[*id] = {.to = to, .script = script, .error = {}, .ended = {}};
    pauses_[*id] = read_pause;
    pump(network_.now(), out);
    return *id;
  }

  void on_message(Time now, const NodeId& from, const Header& header, const Send& message,
                  Outbox& out) override {
    const bool to_server = header.type == MessageType::kRequest || header.type == MessageType::kCredit ||
                           header.type == MessageType::kCancel || header.type == MessageType::kBeat;
    const Status status = to_server
                              ? server.on_message(now, from, header, message.message, message.frames, out)
                              : client.on_message(now, from, header, message.message, message.frames, out);
    if (!status) faults_.push_back("an honest message was called wrong: " + status.error().message);
    pump(now, out);
  }
  void on_lost(Time now, const NodeId& peer, Outbox& out) override {
    client.on_lost(now, peer);
    server.on_lost(now, peer);
    pump(now, out);
  }
  void on_timer(Time now, Outbox& out) override {
    client.on_timer(now, out);
    server.on_timer(now, out);
    pump(now, out);
  }
  [[nodiscard]] Time next_timer() const override {
    return std::min(client.next_timer(), server.next_timer());
  }

  void pump(Time now, Outbox& out) {
    for (StreamDelivery& delivery : client.take_events()) consume(now, delivery);
    for (const CallNotice& notice : server.take_notices()) {
      if (notice.ended) running_.erase(notice.call);
    }
    for (const IncomingCall& call : server.take_calls()) {
      const Script script = Script::unpack(call.payload);
      if (++answered[{call.from, script.serial}] > 1) faults_.push_back("a request was run twice");
      running_[call.call] = {script, 0};
    }
    for (auto at = running_.begin(); at != running_.end();) {
      const auto current = at++;
      if (!write(now, current->first, current->second.first, current->second.second, out))
        running_.erase(current);
    }
  }

  std::map<std::uint32_t, Seen> seen;
  std::map<std::pair<NodeId, std::uint64_t>, std::uint32_t> answered;  // how often, by caller and serial
  std::uint64_t refused_events = 0;                                    // since the queue was full

 private:
  void consume(Time now, StreamDelivery& delivery) {
    if (const auto* event = std::get_if<StreamEvent>(&delivery)) {
      Seen& s = seen.at(event->id);
      if (s.ends != 0) faults_.push_back("an event came after the end");
      if (event->number != s.events) faults_.push_back("events are out of order");
      if (event->payload != s.script.payload(event->number) ||
          event->frames != s.script.frames(event->number))
        faults_.push_back("an event is not what was sent");
      ++s.events;
      const Credit used{1, event_bytes(event->payload, event->frames)};
      network_.at(now + pauses_.at(event->id), [this, id = event->id, used] {
        network_.act(id_, [&](Outbox& out) { client.grant(network_.now(), id, used, out); });
      });
      return;
    }
    const auto& end = std::get<StreamEnd>(delivery);
    Seen& s = seen.at(end.id);
    if (++s.ends > 1) faults_.push_back("a stream ended twice");
    s.error = end.error;
    s.ended = now;
    if (!end.error && s.events != s.script.events)
      faults_.push_back("an end says ok, but events are missing");
    if (!end.error && end.trailer != Bytes{7, 7}) faults_.push_back("a trailer is not what was sent");
  }

  /// False once the call is over.
  bool write(Time now, CallId call, const Script& script, std::uint64_t& next, Outbox& out) {
    while (next < script.events) {
      const Status status = server.event(now, call, script.payload(next), script.frames(next), out);
      if (!status && status.error().code == ErrorCode::kBusy) return ++refused_events, true;
      if (!status) return false;
      ++next;
      if (script.pause_us == 0) continue;
      network_.at(now + Duration(script.pause_us),
                  [this] { network_.act(id_, [&](Outbox& later) { pump(network_.now(), later); }); });
      return true;
    }
    if (script.fails) {
      (void)server.finish_with_error(now, call, {ErrorCode::kIo, "the script says so"}, out);
    } else {
      (void)server.finish(now, call, {7, 7}, out);
    }
    return false;
  }

  NodeId id_;
  TestNetwork& network_;
  std::vector<std::string>& faults_;
  Random random_;
  std::map<std::uint32_t, Duration> pauses_;
  std::map<CallId, std::pair<Script, std::uint64_t>> running_;

 public:
  ServiceClient client;
  ServiceServer server;
};

/// Reads all messages as they are sent and adds up what each stream was granted and what it was sent.
class CreditWatch {
 public:
  explicit CreditWatch(std::vector<std::string>& faults) : faults_(faults) {}

  void operator()(const NodeId& from, const Send& send) {
    const auto header = read_header(send.message);
    Reader reader = Reader::of_message(send.message);
    const bool grants = header->type == MessageType::kCredit || header->type == MessageType::kBeat;
    if (header->type == MessageType::kRequest) {
      (void)reader.uint(), (void)reader.text(64), (void)reader.uint(), (void)reader.uint();
      raise(granted_[{from, send.to, header->request_id}], reader);
    } else if (grants) {
      raise(granted_[{from, send.to, header->request_id}], reader);
    } else if (header->type == MessageType::kEvent) {
      const std::tuple key(send.to, from, header->request_id);
      const std::uint64_t number = reader.uint();
      std::uint64_t bytes = reader.bin(1 << 20).size();
      for (const Bytes& frame : send.frames) bytes += frame.size();
      Credit& sent = sent_[key];
      sent.events = std::max(sent.events, number + 1);
      sent.bytes += bytes;
      const Credit& granted = granted_[key];
      if (sent.events > granted.events) faults_.push_back("more events were sent than granted");
      if (sent.bytes > granted.bytes) faults_.push_back("more bytes were sent than granted");
      ++events;
    }
  }

  std::uint64_t events = 0;

 private:
  static void raise(Credit& total, Reader& reader) {
    total.events = std::max(total.events, reader.uint());
    total.bytes = std::max(total.bytes, reader.uint());
  }

  std::vector<std::string>& faults_;
  std::map<std::tuple<NodeId, NodeId, std::uint32_t>, Credit> granted_, sent_;
};

}  // namespace zswarm::bus
