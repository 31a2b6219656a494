// The caller's side of requests and streams (PROTOCOL.md, "Requests and streams").
//
// call() sends a request to a node; the answer is a stream of numbered events, then exactly one end, both
// handed out by take_events() in order. At most as many events and bytes arrive as the program has granted,
// so what waits here is bounded by the windows of the streams; who grants as it consumes slows its own stream
// only.
//
// A stream ends with an error value when the deadline passes, when the node is silent for silence_max or lost
// (kUnreachable), when events were lost with a connection (kUnreachable: the program may ask another node
// with what it has), when the other side breaks the protocol (kMalformed, kRefused), and with the error that
// the service gave. The node is told to stop wherever that makes sense.
//
// Sans I/O, one thread. Messages travel on Lane::kDispatch.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bus/base/node_id.h"
#include "bus/base/random.h"
#include "bus/proto/outbox.h"
#include "bus/service/limits.h"
#include "bus/service/messages.h"
#include "bus/wire/message.h"

namespace zswarm::bus {

struct ServiceCall {
  std::string service;  // 1 to kServiceNameBytes bytes
  Bytes payload;
  std::vector<Bytes> frames{};
  std::chrono::milliseconds deadline{60'000};
  std::uint8_t priority = 0;  // higher is more urgent
  // First grant: at least one event, and kEventBytes.
  Credit window{64, 1u << 20};
};

struct StreamEvent {
  std::uint32_t id = 0;
  std::uint64_t number = 0;  // from 0, without gaps
  Bytes payload;
  std::vector<Bytes> frames;
};
/// The last word about `id`.
struct StreamEnd {
  std::uint32_t id = 0;
  std::optional<Error> error;  // none: ok, and all events came
  Bytes trailer;
};
using StreamDelivery = std::variant<StreamEvent, StreamEnd>;

class ServiceClient {
 public:
  struct Stats {
    std::uint64_t calls = 0, retries = 0;
    std::uint64_t strays = 0;      // messages about no stream of ours: late ones, or inventions
    std::uint64_t duplicates = 0;  // events that had been here already
    std::uint64_t breaches = 0;    // streams ended because the other side broke the protocol
  };

  /// `incarnation` (from 1) grows with each start of this node: servers then drop what an earlier process
  /// asked for.
  ServiceClient(const ClientConfig& config, std::uint64_t incarnation, Random& random);

  /// The id of the stream. kTooLarge or kRefused if `call` breaks a limit of limits.h, kBusy if there are
  /// calls_max streams.
  [[nodiscard]] Result<std::uint32_t> call(Time now, const NodeId& to, ServiceCall call, Outbox& out);
  /// Allows so much more. Small grants are gathered and told before the window has half emptied. An id that
  /// has ended is passed over; what would make the open window larger than the protocol's limit is left out.
  void grant(Time now, std::uint32_t id, const Credit& more, Outbox& out);
  /// Ends the stream with kCancelled, and tells the node.
  void cancel(Time now, std::uint32_t id, Outbox& out);

  /// Types kEvent, kEnd and kAlive. kMalformed for bytes that are not what they claim.
  Status on_message(Time now, const NodeId& from, const Header& header, ByteView message,
                    std::vector<Bytes> frames, Outbox& out);
  /// The connection to `peer` is gone, or the node dead or expelled.
  void on_lost(Time now, const NodeId& peer);
  void on_timer(Time now, Outbox& out);
  [[nodiscard]] Time next_timer() const;

  [[nodiscard]] std::vector<StreamDelivery> take_events() { return std::exchange(deliveries_, {}); }
  [[nodiscard]] std::size_t streams() const { return streams_.size(); }
  [[nodiscard]] const Stats& stats() const { return stats_; }

 private:
  struct Stream {
    NodeId to;
    Time deadline, last_heard, last_sent;
    Bytes request;              // to send again, until something is heard
    std::vector<Bytes> frames;  // the same
    bool answered = false;
    Credit received, granted, told;  // totals
    Credit window;                   // first grant
  };
  using Streams = std::map<std::uint32_t, Stream>;

  [[nodiscard]] Status check(const ServiceCall& call) const;
  Status on_event(Time now, std::uint32_t id, Stream& stream, ByteView message, std::vector<Bytes> frames,
                  Outbox& out);
  Status on_end(std::uint32_t id, Stream& stream, ByteView message);
  Status on_alive(std::uint32_t id, Stream& stream, ByteView message, Outbox& out);
  void tell_if_low(Time now, std::uint32_t id, Stream& stream, Outbox& out);
  void tell(Time now, std::uint32_t id, Stream& stream, MessageType type, Outbox& out);
  void end(std::uint32_t id, std::optional<Error> error, Bytes trailer = {});
  /// end(), and the node is told to stop.
  void stop(std::uint32_t id, Error error, Outbox& out);
  Status breach(std::uint32_t id, Error error, Outbox& out);
  void lost_events(std::uint32_t id, Outbox& out);
  void step(Time now, std::uint32_t id, Stream& stream, Outbox& out);

  ClientConfig config_;
  std::uint64_t incarnation_;
  std::uint32_t last_id_;
  Streams streams_;
  std::vector<StreamDelivery> deliveries_;
  Time due_ = kNever;  // the next tick; never while there is no stream
  Stats stats_;
};

}  // namespace zswarm::bus
