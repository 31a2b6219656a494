// The answering side of the service `generate`: requests from the bus to the models of this node, their news
// back.
//
// A reader that grants no credit slows its own stream only: once `ahead` events wait for it, its generation
// is ended, and taken up again with the tokens it had when the reader has caught up (client.h: delivered).
// Results do not depend on that. Beats tell the entry that the engine works, also while a request waits for
// its first token.
//
// One thread, that of the bus; the engine's news come through a mailbox. Effects go to the outbox of the
// call.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "bus/proto/outbox.h"
#include "bus/service/server.h"
#include "node/client.h"
#include "node/dispatch/mailbox.h"
#include "node/dispatch/wire.h"

namespace zswarm::node {

struct HostConfig {
  std::size_t calls_max = 512;  // requests in hand; more are told to come back
  std::size_t ahead = 64;       // events that wait for a slow reader
  bus::Duration beat_every = std::chrono::milliseconds(200);
};

class Host {
 public:
  struct Stats {
    std::uint64_t requests = 0, refused = 0, parked = 0;
  };

  /// `served`: what this node has, by hash, under its name in `models`, which outlives the host. `wake` is
  /// called from the engine's thread when there is news: turn() is wanted.
  Host(Client& models, std::map<ModelHash, std::string> served, const HostConfig& config,
       std::function<void()> wake);
  ~Host();  // cancels what runs
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  /// Takes requests from now on. Before the first turn.
  [[nodiscard]] bus::Status offer(bus::ServiceServer& server) const;
  /// Those of other services' calls are passed over.
  void on_notice(const bus::CallNotice& notice);
  void turn(bus::Time now, bus::ServiceServer& server, bus::Outbox& out);
  [[nodiscard]] bus::Time next_timer() const;
  [[nodiscard]] std::size_t answers() const { return answers_.size(); }
  [[nodiscard]] const Stats& stats() const { return stats_; }

 private:
  struct Answer {
    GenerateRequest asked;                    // `delivered` grows with what the engine sampled
    std::optional<std::uint64_t> generation;  // none while parked
    RequestId request = 0;
    bool decoding = false;
    std::deque<bus::Bytes> pending;
    std::optional<End> end;
    bus::Time last_sent;
    std::uint64_t steps_told = 0;
  };
  using Answers = std::map<bus::CallId, Answer>;

  void take_call(bus::Time now, const bus::IncomingCall& call, bus::ServiceServer& server, bus::Outbox& out);
  void start(bus::CallId call, Answer& answer);
  void on_event(Answer& answer, Event event);
  void park(Answer& answer);
  /// Sends what the reader's credit allows. False if the call has ended.
  [[nodiscard]] bool flush(bus::Time now, bus::CallId call, Answer& answer, bus::ServiceServer& server,
                           bus::Outbox& out);
  void beat(bus::Time now, bus::CallId call, Answer& answer, bus::ServiceServer& server, bus::Outbox& out);
  void stop(Answer& answer);

  Client& models_;
  const std::map<ModelHash, std::string> served_;
  const HostConfig config_;
  std::shared_ptr<Mailbox> mailbox_;
  Answers answers_;
  std::map<std::uint64_t, bus::CallId> generations_;
  std::uint64_t last_generation_ = 0;
  Stats stats_;
};

}  // namespace zswarm::node
