// Our connections to other nodes: one DEALER for each lane in use, one SUB while the node is linked.
//
// Before the first message to a node we introduce ourselves: a hello with our card on its join socket,
// answered by a welcome with its own. Only then does it admit our key on its other sockets. What is sent
// meanwhile, or while the queue to a node is full, waits in a bounded queue. A node that stays silent
// although we talk to it is introduced to anew: it may have been restarted and have forgotten us. If nobody
// answers that, its other sockets are tried once: a member that knows us may be under a token of which we,
// having been away, have not heard yet.
//
// Belongs to the thread of the bus. Holds sockets only; what messages mean is the core's business.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>
#include <zmq.hpp>

#include "bus/base/node_id.h"
#include "bus/base/time.h"
#include "bus/proto/outbox.h"
#include "bus/zmq/held.h"
#include "bus/zmq/intake.h"
#include "bus/zmq/sockets.h"

namespace zswarm::bus {

/// Where a node listens, and under which key; from its card.
struct PeerAddress {
  CurvePublicKey curve_key{};
  std::string join, gossip, control, dispatch;  // HOST:PORT
  bool complete = true;  // false: a name is being looked up, and set_address() will be called again
  friend bool operator==(const PeerAddress&, const PeerAddress&) = default;
};

/// The keys of the join socket that follow from the token.
struct JoinKeys {
  CurveKeyPair client;
  CurvePublicKey server{};
};

/// What arrives; called from poll() and tick(), on the bus thread.
class ConnectionEvents {
 public:
  virtual ~ConnectionEvents() = default;
  virtual void on_message(const NodeId& from, Lane lane, ByteView message, std::vector<Bytes> frames) = 0;
  virtual void on_gossip(const NodeId& from, Topic topic, ByteView message) = 0;
  /// Answer to a hello: the welcome or refusal of whoever listens at `address`.
  virtual void on_introduced(const std::string& address, ByteView answer) = 0;
  /// Nobody welcomed or refused a hello that was sent without knowing who listens there.
  virtual void on_unanswered(const std::string& address) { (void)address; }
  /// The node could not be introduced to, or its address is not known: what waited for it is dropped.
  virtual void on_unreachable(const NodeId& node, const std::string& why) = 0;
};

class Connections {
 public:
  Connections(zmq::context_t& context, CurveKeyPair own, SocketLimits limits, ConnectionEvents& events);
  ~Connections();

  /// The hello that every introduction sends, and the keys of the join sockets. Those under way begin again.
  void set_introduction(Time now, Bytes hello, JoinKeys keys);

  /// False if as many addresses are known as may be. What waits for a node whose address is not complete goes
  /// on with the call that completes it.
  bool set_address(Time now, const NodeId& node, PeerAddress address);
  /// Closes what is open to the node and forgets where it is.
  void forget(const NodeId& node);

  /// False if too many connections are open or too much waits for this node on this lane.
  bool send(Time now, Send message);
  void link(Time now, const NodeId& node);
  void unlink(const NodeId& node);
  void subscribe(Time now, const NodeId& node, Topic topic, bool on);

  /// Says hello to a node of which only the join socket's address is known. False if too many are under way.
  bool introduce_to(Time now, const std::string& address);

  /// The node has said something over a connection of its own: it lives, and knows us.
  void heard(Time now, const NodeId& node);

  /// Adds our sockets to what is polled; poll_done() then gets the same list back, from the index on where
  /// ours begin.
  void add_poll_items(std::vector<zmq::pollitem_t>& items);
  void poll_done(Time now, const std::vector<zmq::pollitem_t>& items, std::size_t first);

  /// Ends what has been idle or unanswered for too long. Call at least every second.
  void tick(Time now);

  /// Where the node's control socket is, HOST:PORT; empty if that is not known.
  [[nodiscard]] std::string control_address(const NodeId& node) const;
  [[nodiscard]] bool is_open(const NodeId& node) const { return peers_.contains(node); }
  [[nodiscard]] std::size_t open_count() const { return peers_.size(); }
  struct Traffic {
    std::uint64_t in_bytes = 0, out_bytes = 0;
  };
  [[nodiscard]] const Traffic& traffic() const { return traffic_; }

 private:
  // A node's sockets, by index: a DEALER for each lane, then the SUB.
  static constexpr std::size_t kDispatchSocket = 1, kGossipSocket = 2, kSockets = 3;
  [[nodiscard]] static Socket kind_of(std::size_t which);
  [[nodiscard]] static const std::string& address_of(const PeerAddress& address, std::size_t which);

  /// A hello under way, for one node or for several that wait for the same address.
  struct Introduction {
    zmq::socket_t socket;
    Time deadline;
  };

  struct Peer {
    NodeId node;
    PeerAddress address;
    bool introduced = false, linked = false;
    bool tried_directly = false;  // without an introduction, and nothing was heard since
    Time deadline = kNever;       // of the introduction under way
    Time heard, spoken;           // last message from it, last one to it
    std::array<std::optional<zmq::socket_t>, kSockets> sockets;
    std::array<bool, 2> topics{};
    std::array<HeldMessages, 2> unsent;  // by lane
  };

  Peer* peer_for(Time now, const NodeId& node);
  void begin_introduction(Time now, Peer& peer);
  void open_sockets(Time now, Peer& peer);
  void try_directly(Time now, Peer& peer);
  void flush(Peer& peer);
  bool write(zmq::socket_t& socket, const Bytes& message, std::span<const Bytes> frames = {});
  void read_introduction(Time now, Introduction& introduction);
  void read_peer(Time now, const NodeId& node, std::size_t which);
  /// Closes what brings more than we read.
  void weigh(Time now);

  zmq::context_t& context_;
  const CurveKeyPair own_;
  const SocketLimits limits_;
  ConnectionEvents& events_;
  /// Join sockets whose welcome nobody waited for, and when it came: who listens there knows us already.
  std::unordered_map<std::string, Time> welcomed_;
  Bytes hello_;
  JoinKeys join_keys_;
  std::unordered_map<NodeId, PeerAddress> addresses_;
  std::unordered_map<NodeId, Peer> peers_;
  std::unordered_map<std::string, Introduction> introductions_;  // by the join socket's address

  struct Polled {
    bool introduction;
    std::string address;
    NodeId node;
    std::size_t which;
  };
  std::vector<Polled> polled_;
  Intake intake_;
  Traffic traffic_;
};

}  // namespace zswarm::bus
