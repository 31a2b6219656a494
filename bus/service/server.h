// The answering side of requests and streams (PROTOCOL.md, "Requests and streams").
//
// Requests that pass the limits come out of take_calls(), each at most once however often its message
// arrives. The program answers with event() and at last finish() or finish_with_error(); event() sends within
// the caller's credit and keeps the rest in a bounded queue. A call that ends otherwise (cancelled, deadline,
// caller gone) is told by take_notices(), once; from then on its CallId is unknown.
//
// Everything that a caller can do wrong is answered with an end of its stream, or with silence when it
// floods; all tables are bounded (ServerConfig). Keep-alives show that this thread runs, not that the program
// makes progress on a call: that is what deadlines are for.
//
// Sans I/O, one thread. Messages travel on Lane::kDispatch.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bus/base/node_id.h"
#include "bus/base/token_bucket.h"
#include "bus/proto/outbox.h"
#include "bus/service/limits.h"
#include "bus/service/messages.h"
#include "bus/service/replay_window.h"
#include "bus/wire/message.h"

namespace zswarm::bus {

/// A call within this process; never used twice.
using CallId = std::uint64_t;

struct IncomingCall {
  CallId call = 0;
  NodeId from;
  std::string service;
  std::uint8_t priority = 0;
  Time deadline;
  Bytes payload;
  std::vector<Bytes> frames;
};

struct CallNotice {
  CallId call = 0;
  std::optional<Error> ended;  // none: there was no credit, and now there is
};

/// What event() takes at this moment: sent at once while there is credit, then queued.
struct CallRoom {
  Credit credit;  // zero while anything is queued
  Credit queue;
};

class ServiceServer {
 public:
  struct Stats {
    std::uint64_t calls = 0;       // accepted
    std::uint64_t refused = 0;     // requests answered with an error at once
    std::uint64_t dropped = 0;     // messages of floods, and of a caller's earlier process
    std::uint64_t duplicates = 0;  // requests that had come before
    std::uint64_t breaches = 0;    // malformed messages and impossible grants
  };

  explicit ServiceServer(const ServerConfig& config) : config_(config) {}

  /// Requests for `name` are taken from now on, at most `calls_max` at a time. kRefused for an impossible
  /// name.
  [[nodiscard]] Status offer(const std::string& name, std::size_t calls_max);
  /// New requests are answered with kNotFound; those that run go on.
  void withdraw(const std::string& name);

  [[nodiscard]] std::vector<IncomingCall> take_calls();
  /// The same for one service: of whoever offers it beside the program.
  [[nodiscard]] std::vector<IncomingCall> take_calls_of(std::string_view service);
  [[nodiscard]] std::vector<CallNotice> take_notices();

  /// kBusy if the reader is behind and the queue full (the event is not taken: wait for a notice), kTooLarge
  /// beyond kEventBytes, kNotFound if the call has ended.
  Status event(Time now, CallId call, Bytes payload, std::vector<Bytes> frames, Outbox& out);
  /// Ends the call well, after what is queued. kNotFound if it has ended; kTooLarge beyond kTrailerBytes.
  Status finish(Time now, CallId call, Bytes trailer, Outbox& out);
  /// Ends the call with an error, after what is queued.
  Status finish_with_error(Time now, CallId call, Error error, Outbox& out);
  /// Nothing if the call has ended.
  [[nodiscard]] std::optional<CallRoom> writable(CallId call) const;

  /// Types kRequest, kCredit, kCancel and kBeat. kMalformed for bytes that are not what they claim.
  Status on_message(Time now, const NodeId& from, const Header& header, ByteView message,
                    std::vector<Bytes> frames, Outbox& out);
  /// The connection to `peer` is gone, or the node dead or expelled.
  void on_lost(Time now, const NodeId& peer);
  void on_timer(Time now, Outbox& out);
  [[nodiscard]] Time next_timer() const { return due_; }

  [[nodiscard]] std::size_t calls() const { return calls_.size(); }
  [[nodiscard]] std::size_t peers() const { return peers_.size(); }
  [[nodiscard]] std::size_t buffered_bytes() const { return buffered_bytes_; }
  [[nodiscard]] std::size_t waiting_bytes() const { return waiting_bytes_; }
  [[nodiscard]] const Stats& stats() const { return stats_; }

 private:
  struct Queued {
    Bytes payload;
    std::vector<Bytes> frames;
    std::size_t bytes = 0;
  };
  struct Call {
    NodeId from;
    std::uint32_t id = 0;
    std::string service;
    Time deadline, last_heard, last_sent;
    Credit sent, granted;  // totals
    std::deque<Queued> queue;
    std::size_t queued_bytes = 0;
    std::optional<EndMessage> finishing;  // sent once the queue is empty
  };
  /// An end that may have been lost with a connection.
  struct Record {
    std::uint32_t id = 0;
    Time until;
    Bytes end;
  };
  struct Peer {
    explicit Peer(const ServerConfig& config)
        : requests(config.requests_per_s, config.requests_burst),
          refusals(config.refusals_per_s, config.refusals_burst) {}
    std::uint64_t incarnation = 0;  // 0: no request has come yet
    ReplayWindow seen;
    std::map<std::uint32_t, CallId> calls;
    std::deque<Record> records;
    std::size_t record_bytes = 0, waiting_bytes = 0;
    std::size_t buffered_bytes = 0;  // of events that wait for credit
    TokenBucket requests, refusals;
    Time last_heard;
  };
  using Calls = std::map<CallId, Call>;

  Status on_request(Time now, const NodeId& from, Peer& peer, std::uint32_t id, ByteView message,
                    std::vector<Bytes> frames, Outbox& out);
  Status on_credit(Time now, const NodeId& from, Peer& peer, const Header& header, ByteView message,
                   Outbox& out);
  void on_cancel(Time now, Peer& peer, std::uint32_t id, Outbox& out);
  void on_duplicate(Time now, const NodeId& from, Peer& peer, std::uint32_t id, Outbox& out);
  [[nodiscard]] bool resend_end(Time now, const NodeId& to, Peer& peer, std::uint32_t id, Outbox& out);

  /// Nothing if the table is full.
  [[nodiscard]] Peer* peer_of(Time now, const NodeId& from);
  /// False for a request of an earlier process; a later one ends what the earlier one asked for.
  [[nodiscard]] bool is_current(Time now, Peer& peer, std::uint64_t incarnation, Outbox& out);
  [[nodiscard]] std::optional<Error> reason_to_refuse(const Peer& peer, const RequestMessage& request,
                                                      const std::vector<Bytes>& frames) const;
  void accept(Time now, const NodeId& from, Peer& peer, std::uint32_t id, RequestMessage request,
              std::vector<Bytes> frames);
  /// False if there were too many such answers: then there is silence.
  bool refuse(Time now, const NodeId& to, Peer& peer, std::uint32_t id, const Error& error, Outbox& out);
  void remember(Time now, Peer& peer, std::uint32_t id, Bytes end);

  void send_event(Time now, Call& call, Queued event, Outbox& out);
  void flush(Time now, Calls::iterator at, Outbox& out);
  /// So many bytes wait for credit no more.
  void unbuffer(const Call& call, std::size_t bytes);
  /// How many more may wait.
  [[nodiscard]] std::size_t buffer_room(const Call& call) const;
  Status close(Time now, CallId call, EndMessage end, Outbox& out);
  void send_end(Time now, Calls::iterator at, EndMessage end, Outbox& out);
  /// Ends a call for a reason that is not the program's: it gets a notice, the caller an end if `tell`.
  void abandon(Time now, Calls::iterator at, Error error, bool tell, Outbox& out);
  void erase(Calls::iterator at);
  void forget_waiting(CallId call);
  [[nodiscard]] IncomingCall take_waiting(std::map<CallId, IncomingCall>::iterator at);
  void step(Time now, Calls::iterator at, Outbox& out);
  void tidy(Time now);

  ServerConfig config_;
  std::map<std::string, std::size_t, std::less<>> limits_;   // of calls, by service
  std::map<std::string, std::size_t, std::less<>> running_;  // calls, by service
  std::map<NodeId, Peer> peers_;
  Calls calls_;
  std::map<CallId, IncomingCall> waiting_;  // for the program
  std::vector<CallNotice> notices_;         // of ends
  std::set<CallId> roomy_;                  // notices of credit
  std::size_t waiting_bytes_ = 0, buffered_bytes_ = 0;
  CallId last_call_ = 0;
  Time due_ = kNever;  // the next tick; never while there is nobody
  Time tidy_at_;
  Stats stats_;
};

}  // namespace zswarm::bus
