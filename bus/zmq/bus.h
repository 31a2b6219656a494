// A node on the network: its sockets, its protocols, and the loop that drives them.
//
// open() binds the sockets; run() is the life of the bus, on the one thread that its owner gives it (node/ or
// tools/ start it). All else that touches the core happens on that thread too: other threads hand in work
// with post(), which returns at once, and get answers by whatever their work leaves behind. The queue of
// posted work is bounded by what its callers wait for.
//
// Clocks are read here and nowhere else below: protocol code gets the time as an argument.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "bus/core/core.h"
#include "bus/zmq/address_book.h"
#include "bus/zmq/announce.h"
#include "bus/zmq/connections.h"
#include "bus/zmq/discovery.h"
#include "bus/zmq/inbox.h"
#include "bus/zmq/knocks.h"
#include "bus/zmq/ledger_file.h"
#include "bus/zmq/limited_log.h"
#include "bus/zmq/listeners.h"
#include "bus/zmq/status.h"
#include "bus/zmq/zap.h"

namespace zswarm::bus {

class Bus;

/// A program that lives on the bus thread: it offers services, calls others, reads the ledger.
class Program {
 public:
  virtual ~Program() = default;
  /// run() begins, and ends; turns lie between. In between other threads may post() to wake the bus.
  virtual void begin(Bus& bus) = 0;
  virtual void end() = 0;
  /// In every turn of the loop, after what has arrived was handed to the core and before its effects are
  /// carried out: here deliveries, calls and notices are taken. Returns at once.
  virtual void turn(Core& core, const Now& now) = 0;
  /// When a turn is wanted though nothing arrives; kNever if not.
  [[nodiscard]] virtual Time next_timer() const = 0;
};

struct BusOptions {
  CoreOptions core;
  /// "*:0" is every address of the machine, IPv4 and IPv6, at a free port.
  ListenAddresses listen{"127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"};
  AnnounceAddresses announce;           // what others are told; by default what follows from `listen`
  HostFinder find_host = host_to_tell;  // of sockets that listen on a wildcard; asked again so often:
  Duration look_every = std::chrono::seconds(5);
  bool lan = false;  // call out on the LAN, and listen there
  std::uint16_t lan_port = kLanPort;
  std::vector<Endpoint> bootstrap;    // join sockets to start from; hosts may be names
  std::vector<Endpoint> remembered;   // those of members in the last run, the most useful first
  std::filesystem::path ledger_file;  // the ledger's snapshot; empty: none is kept
  SocketLimits limits;
  /// Called on the bus thread about four times a second; for what the program wants to do there regularly.
  std::function<void(Bus& bus, Core& core, const Now& now)> on_tick;
  Program* program = nullptr;  // outlives the bus; none: nobody takes deliveries
  /// What an operator should know, one sentence each: refusals, faults. Called on the bus thread.
  std::function<void(const std::string& sentence)> log = [](const std::string&) {};
};

class Bus final : ConnectionEvents, ListenerEvents {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Bus>> open(BusOptions options, Identity identity,
                                                         std::vector<NetworkKeys> epochs);
  ~Bus() override;

  /// Until stop(). Leaves the network before it returns.
  void run();
  /// From any thread or signal-free context; run() returns within a poll's turn.
  void stop();
  /// Runs `work` on the bus thread, soon. After stop() it may never run.
  void post(std::function<void(Core& core, const Now& now)> work);

  [[nodiscard]] const NodeId& id() const { return id_; }
  /// Where the join socket listens, as others were told at the start.
  [[nodiscard]] Endpoint join_endpoint() const { return join_endpoint_; }

  // --- On the bus thread only: in work given to post(), or before run(). ---

  [[nodiscard]] BusStatus status() const;
  /// Join sockets to try in the next run, the most useful first: of neighbours, candidates in reserve, other
  /// living members.
  [[nodiscard]] std::vector<Endpoint> addresses_to_remember(std::size_t most = kRememberedMax) const;

 private:
  Bus(BusOptions options, const NodeId& id);
  Status start(Identity identity, std::vector<NetworkKeys> epochs);
  void start_discovery(const std::vector<NetworkKeys>& epochs);
  void turn();
  void carry_out(Time now);
  void carry_out_one(Time now, Effect& effect);
  void send(Time now, Send message);
  [[nodiscard]] JoinKeys join_keys() const;
  void take_new_keys(Time now);
  void find_others();
  using Endpoints = std::array<std::optional<Endpoint>, kSocketCount>;
  [[nodiscard]] Endpoints sockets_to_tell() const;
  /// Tells others if this machine has another address now.
  void look_at_addresses(Time now);
  /// Whoever shows its card in a hello or welcome was met at this address.
  void note_meeting(ByteView introduction, const std::string& host);
  /// Whether a hello or welcome shows the card of this very process.
  [[nodiscard]] bool is_own(ByteView introduction) const;
  [[nodiscard]] Now now() const;
  void note(const Status& status, const NodeId& from);
  /// For the operator, of what others cause.
  void remark(const std::string& sentence);

  void on_message(const NodeId& from, Lane lane, ByteView message, std::vector<Bytes> frames) override;
  void on_gossip(const NodeId& from, Topic topic, ByteView message) override;
  void on_introduced(const std::string& address, ByteView answer) override;
  void on_unanswered(const std::string& address) override;
  void on_unreachable(const NodeId& node, const std::string& why) override;
  [[nodiscard]] Bytes on_hello(ByteView message, const std::string& host) override;

  BusOptions options_;
  const NodeId id_;
  Endpoint join_endpoint_;
  Endpoints told_;       // where others think that we are
  std::string network_;  // its id as text
  Time started_;
  zmq::context_t context_;
  std::unique_ptr<ZapHandler> zap_;  // before all sockets
  std::unique_ptr<Listeners> listeners_;
  std::unique_ptr<Connections> connections_;
  std::unique_ptr<Core> core_;
  std::unique_ptr<Discovery> discovery_;
  AddressBook addresses_{is_on_link};
  Knocks knocks_;
  LedgerFile ledger_file_;
  Inbox inbox_;
  LimitedLog remarks_{[this](const std::string& sentence) { options_.log(sentence); }};
  std::atomic<bool> stopping_{false};
  Time next_tick_, next_look_;
  std::vector<zmq::pollitem_t> items_;
};

}  // namespace zswarm::bus
