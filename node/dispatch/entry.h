// Holds requests from the first to the last token, wherever they are computed.
//
// A request goes to the node that choice.h picks. When that node dies, hangs, refuses or says what cannot be
// right, the request goes on at another one with the tokens that it has (GenerateRequest::delivered): results
// do not depend on the node, so what is told joins to the undisturbed stream, and nobody sees which nodes it
// came from. Deltas may be cut differently.
//
// Promised: each opened stream is told exactly one Finished or Error, at the latest at its deadline; no
// token, text or log-probability is told twice or left out; at most two tries run for a stream at a time (the
// second is a hedge, before the first token of a try; who delivers first wins); retries and hedges stay
// within budgets (budget.h); a request that nodes die of is given up before it takes the network with it
// (fruitless_max).
//
// Sans I/O, one thread. Effects are taken after each call. What belongs to a try that was stopped or is over
// is passed over. Memory: bounded by EntryConfig and by the requests' own sizes. The design: README.md.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "bus/base/random.h"
#include "bus/base/time.h"
#include "node/client.h"
#include "node/dispatch/budget.h"
#include "node/dispatch/choice.h"
#include "node/dispatch/node_table.h"
#include "node/dispatch/prefix_digest.h"
#include "node/dispatch/progress.h"
#include "node/dispatch/stream.h"
#include "node/dispatch/trace.h"

namespace zswarm::node {

struct EntryConfig {
  Strategy strategy = Strategy::kAuto;
  std::size_t streams_max = 8192;
  std::size_t queue_max = 2048;  // of one model that wait for their first try
  std::size_t traces_max = 512;  // of requests that have ended
  std::uint32_t tries_max = 32;  // without a new token
  std::uint32_t fruitless_max = 5;
  BudgetConfig retries{
      .share = 0.1, .per_s = 1, .burst = 10};  // of requests that no token has come of; and hedges
  BudgetConfig failovers{.share = 1, .per_s = 20, .burst = 512};
  bus::Duration orphaned_max =
      std::chrono::seconds(5);  // a stream waits so long if nobody has its model any more
};

struct EntryRequest {
  ModelHash model{};
  GenerateRequest what;
  std::string owner;          // API key or client: who shares fairly
  std::uint8_t priority = 0;  // among those of one owner
  bus::Duration deadline = std::chrono::minutes(10);
  Labels labels;  // that the node must have
  std::optional<std::int32_t> vocab_size;
};

struct StartAttempt {
  AttemptId attempt = 0;
  bus::NodeId node;
  ModelHash model{};
  GenerateRequest what;  // with the tokens delivered
  bus::Duration deadline{0};
};
struct StopAttempt {
  AttemptId attempt = 0;
};
struct Tell {
  StreamId stream = 0;
  Event event;
};
using EntryEffect = std::variant<StartAttempt, StopAttempt, Tell>;

class Entry {
 public:
  struct Stats {
    std::uint64_t opened = 0, refused = 0, finished = 0, failed = 0, cancelled = 0;
    std::uint64_t tries = 0, retries = 0, failovers = 0, hedges = 0, hedges_won = 0, stalls = 0, faults = 0;
  };

  /// `random` outlives this object.
  Entry(const EntryConfig& config, bus::Random& random);

  /// kInvalidArgument, kNotFound (nobody has the model, or none with these labels), kUnavailable (full: see
  /// retry_after()).
  Result<StreamId> open(bus::Time now, EntryRequest request);
  /// How long the one refused last should wait before it asks again.
  [[nodiscard]] bus::Duration retry_after() const { return retry_after_; }
  /// Ends it with kCancelled.
  void cancel(bus::Time now, StreamId stream);
  /// Whether the client takes what it is told. While it does not, its node may not send, and silence is no
  /// stall.
  void set_reading(bus::Time now, StreamId stream, bool reading);

  /// All nodes that there are now. Tries at one that is missing go on until they end or on_gone() says more.
  void set_nodes(bus::Time now, std::vector<NodeView> nodes);
  void set_hint(bus::Time now, const bus::NodeId& node, Hint hint);

  void on_event(bus::Time now, AttemptId attempt, Event event);
  void on_beat(bus::Time now, AttemptId attempt, const Progress& progress);
  /// The try is over: the node said so, or it cannot be reached (kUnavailable).
  void on_failed(bus::Time now, AttemptId attempt, Error error);
  /// The node died, left, was revoked or is cut off.
  void on_gone(bus::Time now, const bus::NodeId& node);

  void on_timer(bus::Time now);
  [[nodiscard]] bus::Time next_timer() const;
  [[nodiscard]] std::vector<EntryEffect> take_effects() { return std::exchange(effects_, {}); }

  /// Of an open stream or one of the latest that have ended; null if it is forgotten. Valid until the next
  /// call.
  [[nodiscard]] const Trace* trace_of(StreamId stream) const;
  [[nodiscard]] const Stats& stats() const { return stats_; }
  [[nodiscard]] std::size_t streams() const { return streams_.size(); }
  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] std::size_t attempts() const { return stream_of_.size(); }
  [[nodiscard]] const NodeTable& nodes() const { return table_; }

 private:
  using Streams = std::map<StreamId, EntryStream>;
  enum class Fault : std::uint8_t { kNone, kNode };
  /// How a try was lost.
  struct Loss {
    Error error;
    Fault fault = Fault::kNone;
    bool stop = false;  // the node may still compute
    bool gone = false;  // the node is known to be lost, not only slow
    bool busy = false;
  };

  // entry_events.cpp
  [[nodiscard]] EntryStream* find(AttemptId attempt, std::size_t& at);
  void take_delta(bus::Time now, EntryStream& stream, Try& run, Delta delta);
  void take_finished(bus::Time now, EntryStream& stream, std::size_t at, const Finished& finished);
  void take_error(bus::Time now, EntryStream& stream, std::size_t at, Error error);
  void wins(bus::Time now, EntryStream& stream, AttemptId winner);

  // entry.cpp
  [[nodiscard]] Result<StreamId> admit(bus::Time now, EntryRequest request);
  void end(bus::Time now, EntryStream& stream, Event event);
  void end_late(bus::Time now, EntryStream& stream);
  void arm(EntryStream& stream);
  void on_stream_timer(bus::Time now, EntryStream& stream);

  // entry_tries.cpp
  [[nodiscard]] bool place(bus::Time now, EntryStream& stream, bool hedge);
  void start(bus::Time now, EntryStream& stream, const Candidate& at, const Estimate& estimate, bool hedge);
  void forget_try(EntryStream& stream, std::size_t at);
  void lose(bus::Time now, EntryStream& stream, std::size_t at, Loss loss);
  void resume(bus::Time now, EntryStream& stream, const Error& last);
  void hedge(bus::Time now, EntryStream& stream);
  [[nodiscard]] Status enqueue(bus::Time now, EntryStream& stream, std::uint8_t priority);
  void wait_for_room(EntryStream& stream);
  void leave_queue(EntryStream& stream);
  void settle(bus::Time now);
  void fill(bus::Time now, WaitingClass& waiting);
  void end_orphans(bus::Time now, WaitingClass& waiting);
  [[nodiscard]] WaitingClass& class_of(const ClassKey& key);
  [[nodiscard]] double expected_answer(const EntryStream& stream) const;
  void note(bus::Time now, EntryStream& stream, TraceStep::What what, const bus::NodeId& node,
            std::string text);

  const EntryConfig config_;
  bus::Random& random_;
  NodeTable table_;
  RecentPrefixes recent_;
  Budget retries_, failovers_;
  RoundRobin turn_;
  Streams streams_;
  std::unordered_map<AttemptId, StreamId> stream_of_;
  std::map<ClassKey, WaitingClass> classes_;
  std::set<std::pair<bus::Time, StreamId>> timers_;
  bus::Time fill_at_ = bus::kNever;  // while somebody waits for room
  bool room_changed_ = false;
  StreamId last_stream_ = 0;
  AttemptId last_attempt_ = 0;
  double answer_mean_ = 128;                     // tokens
  double late_mean_ = 1, late_deviation_ = 0.5;  // first tokens: seen / expected (as in pace.h)
  bus::Duration retry_after_{0};
  TraceRing traces_;
  std::vector<EntryEffect> effects_;
  std::vector<Candidate> candidates_;  // scratch
  std::vector<Estimate> estimates_;
  Stats stats_;
};

}  // namespace zswarm::node
