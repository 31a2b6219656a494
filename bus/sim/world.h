// Many overlays under one virtual clock: the simulator's driver of bus/overlay.
//
// It carries encoded messages between the nodes over a VirtualNetwork, keeps their timers, and does to them
// what happens to machines: kills, freezes, partitions, hostile members (hostile.h). Each node has its own
// steady clock (an arbitrary start) and its own random numbers. One seed gives one trace: trace_hash() covers
// every delivered message and every event, in order, and is the same on every machine.
//
// One thread. What the nodes tell is handed to an Observer while the world runs.
#pragma once

#include <cstdint>
#include <memory>
#include <queue>
#include <vector>

#include "bus/overlay/overlay.h"
#include "bus/overlay/roster.h"
#include "bus/sim/cards.h"
#include "bus/sim/hostile.h"
#include "bus/sim/network.h"

namespace zswarm::bus {

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_event(Time now, std::uint32_t node, const OverlayEvent& event) = 0;
};

struct WorldConfig {
  std::uint32_t nodes = 1000;
  std::uint64_t seed = 1;
  OverlayConfig overlay;
  NetworkConfig network;
  std::size_t card_bytes = 300;
  // Whether the transport of a killed node tells the others (a process that dies on a living machine), or
  // nothing does (a machine that loses power).
  bool crash_resets_connections = false;
  // Whether a frozen node's operating system still takes connections (a process that is stopped or swapped
  // out), or is as silent (a machine that sleeps).
  bool frozen_machines_answer = true;
};

class World {
 public:
  enum class State : std::uint8_t { kAbsent, kRunning, kFrozen, kDead };

  /// Nodes are absent until they are started. The observer outlives the world.
  World(const WorldConfig& config, Observer& observer);
  ~World();

  /// Starts a node and joins through the contact (itself: the first of a network). Also after a kill, with a
  /// higher incarnation.
  void start(std::uint32_t node, std::uint32_t contact);
  /// Starts all nodes as neighbours in a random graph, with random candidates in reserve: what a network
  /// looks like that has run for a while.
  void start_warm();

  void run_until(Time end);
  [[nodiscard]] Time now() const { return now_; }

  void kill(std::uint32_t node);
  void leave(std::uint32_t node);
  void freeze(std::uint32_t node);
  /// The node finds all that has arrived meanwhile, and is late for its timers.
  void thaw(std::uint32_t node);
  void make_hostile(std::uint32_t node);
  void set_side(std::uint32_t node, std::uint8_t side) { network_.set_side(node, side); }
  /// Sealed by the node; observers get it with the seal (SimulatedCards::content()).
  void broadcast(std::uint32_t node, ByteView content);

  [[nodiscard]] State state(std::uint32_t node) const { return nodes_[node].state; }
  [[nodiscard]] bool is_hostile(std::uint32_t node) const { return nodes_[node].hostile != nullptr; }
  /// Of a node that is running or frozen.
  [[nodiscard]] const Overlay& overlay(std::uint32_t node) const { return *nodes_[node].overlay; }
  /// Whether the reader's subscription to this topic has come to the publisher.
  [[nodiscard]] bool is_subscribed(std::uint32_t publisher, std::uint32_t reader, Topic topic) const;
  [[nodiscard]] const SimulatedCards& cards() const { return cards_; }
  [[nodiscard]] std::uint32_t size() const { return config_.nodes; }

  /// Sent, framed (network.h).
  [[nodiscard]] std::uint64_t bytes_sent() const { return bytes_sent_; }
  /// By one node, with what handshakes took.
  [[nodiscard]] std::uint64_t bytes_sent(std::uint32_t node) const {
    return nodes_[node].bytes_sent + network_.handshake_bytes(node);
  }
  [[nodiscard]] std::uint64_t messages() const { return messages_; }
  [[nodiscard]] std::uint64_t refused_messages() const { return refused_; }
  [[nodiscard]] std::uint64_t trace_hash() const { return hash_; }

 private:
  using Channel = VirtualNetwork::Channel;
  enum class What : std::uint8_t { kMessage, kTimer, kSubscription, kClosed, kLost, kKnocked, kHostile };
  struct Happening {
    Time at;
    std::uint64_t order;  // of equal times the one that was decided first
    std::uint32_t node, from, message;
    What what;
    bool operator>(const Happening& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };
  struct Subscriber {
    std::uint32_t node;
    bool topics[2];
  };
  struct Node {
    std::unique_ptr<Overlay> overlay;
    std::unique_ptr<Hostile> hostile;
    State state = State::kAbsent;
    Duration clock{0};  // its steady clock less the world's
    Time armed = kNever;
    std::uint32_t life = 0;
    std::uint64_t bytes_sent = 0;
    std::vector<Subscriber> subscribers;
    std::vector<Happening> inbox;  // while frozen
  };
  struct Message {
    Bytes bytes;
    std::uint32_t readers = 0;
  };

  [[nodiscard]] Time local(const Node& node) const { return now_ + node.clock; }
  void make_overlay(std::uint32_t node);
  void schedule(Time at, What what, std::uint32_t node, std::uint32_t from, std::uint32_t message);
  void happen(const Happening& h);
  void deliver(const Happening& h);
  void carry_out(std::uint32_t node, Outbox& out);
  void post(std::uint32_t from, std::uint32_t to, Channel channel, std::uint32_t message);
  void publish(std::uint32_t from, Topic topic, Bytes bytes);
  void knock(std::uint32_t from, std::uint32_t to);
  void subscription(const Happening& h);
  void closed(const Happening& h);
  void hostile_step(std::uint32_t node);
  void arm(std::uint32_t node);
  [[nodiscard]] std::uint32_t keep(Bytes bytes);
  void release(std::uint32_t message);
  void note(std::uint64_t value) { hash_ = mixed(hash_ ^ value); }
  void note_bytes(ByteView bytes);

  /// Everybody who has ever been started, whether it still lives or not: what a ledger holds that nobody
  /// takes the dead out of.
  class Everybody final : public Roster {
   public:
    explicit Everybody(const World& world) : world_(world) {}
    [[nodiscard]] std::optional<RosterEntry> pick(Time now, Random& random) override;

   private:
    const World& world_;
  };

  const WorldConfig config_;
  Observer& observer_;
  SimulatedCards cards_;
  SimulatedNews news_{cards_};
  Everybody everybody_{*this};
  VirtualNetwork network_;
  Random random_;
  Time now_;
  std::vector<Node> nodes_;
  std::priority_queue<Happening, std::vector<Happening>, std::greater<>> queue_;
  std::uint64_t order_ = 0;
  std::vector<Message> messages_held_;
  std::vector<std::uint32_t> free_messages_;
  std::uint64_t bytes_sent_ = 0, messages_ = 0, refused_ = 0;
  std::uint64_t hash_ = 0;
};

}  // namespace zswarm::bus
