// The sockets that other nodes connect to: join, gossip, control and dispatch.
//
// Who may connect is the ZAP handler's business; here each message of a member comes with the id that the
// handler gave its connection. A member that cannot be connected to (a client behind a firewall) is answered
// over the connection it opened; what does not fit its queue waits here, bounded, and in order. How many
// connections there may be is door.h's. Belongs to the thread of the bus.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>
#include <zmq.hpp>

#include "bus/base/node_id.h"
#include "bus/base/time.h"
#include "bus/proto/outbox.h"
#include "bus/zmq/door.h"
#include "bus/zmq/held.h"
#include "bus/zmq/parts.h"
#include "bus/zmq/sockets.h"

namespace zswarm::bus {

/// Where to listen, HOST:PORT each; port 0 takes a free one.
struct ListenAddresses {
  std::string join, gossip, control, dispatch;
};

class ListenerEvents {
 public:
  virtual ~ListenerEvents() = default;
  virtual void on_message(const NodeId& from, Lane lane, ByteView message, std::vector<Bytes> frames) = 0;
  /// Somebody who has the token says hello, from the address `host`. The answer goes back to it, unless it is
  /// empty.
  [[nodiscard]] virtual Bytes on_hello(ByteView message, const std::string& host) = 0;
};

class Listeners {
 public:
  /// join_secret is the CURVE key that follows from the token, own_secret the node's.
  [[nodiscard]] static Result<Listeners> open(zmq::context_t& context, const ListenAddresses& addresses,
                                              const Secret<32>& join_secret, const Secret<32>& own_secret,
                                              const SocketLimits& limits);
  ~Listeners();
  Listeners(Listeners&&) = default;
  Listeners& operator=(Listeners&&) = delete;

  [[nodiscard]] std::uint16_t port(Socket kind) const { return ports_[static_cast<std::size_t>(kind)]; }

  void publish(Topic topic, const Bytes& message);
  enum class Answer : std::uint8_t {
    kTaken,
    kNoRoute,  // the node has no connection to us; the message is as it was
    kFull,     // it has, but does not read what we send
  };
  /// Over the connection that the node opened last.
  [[nodiscard]] Answer answer(Send& message);
  /// Those whose dispatch connection went while messages waited for it: these messages are lost.
  [[nodiscard]] std::vector<NodeId> take_gone() { return std::exchange(gone_, {}); }

  /// Before each answer of the ZAP handler: who is let in is known to the door by then.
  void notice_connections(Time now) { door_.notice(now); }

  void add_poll_items(std::vector<zmq::pollitem_t>& items);
  void poll_done(Time now, const std::vector<zmq::pollitem_t>& items, std::size_t first,
                 ListenerEvents& events);

  /// Nothing is sent to this node any more, and all subscribers are judged anew: libzmq cannot close one
  /// subscriber's connection, so the gossip socket is opened again, and who is still a member comes back
  /// within milliseconds.
  void cut_off(const NodeId& node);

  /// The join socket under another token's key.
  void reopen_join(const Secret<32>& join_secret);

  /// Opens again what could not be opened at once, because libzmq's own thread had not freed the port yet,
  /// and sends what waits. Call it every turn; the sentence says what is still closed after kReopenWithin.
  static constexpr Duration kReopenWithin = std::chrono::seconds(5);
  Status tick(Time now);
  [[nodiscard]] bool is_whole() const;
  /// False while tick() has something to do soon.
  [[nodiscard]] bool is_settled() const { return is_whole() && held_[0].empty() && held_[1].empty(); }
  /// How long tick() may wait to be called: less if a socket waits for its port, or messages for a reader.
  [[nodiscard]] Duration patience() const {
    return is_settled() ? door_.patience() : std::chrono::milliseconds(2);
  }
  /// Hosts from which somebody came to the join socket with another token's keys, since the last call.
  [[nodiscard]] std::vector<std::string> take_wrong_tokens() { return door_.take_wrong_keys(); }
  [[nodiscard]] const Door& door() const { return door_; }

  struct Traffic {
    std::uint64_t in_bytes = 0, out_bytes = 0, faulty = 0, hellos_refused = 0;
  };
  [[nodiscard]] const Traffic& traffic() const { return traffic_; }

 private:
  static constexpr std::size_t kKinds = 4;
  Listeners(zmq::context_t& context, const Secret<32>& join_secret, const Secret<32>& own_secret,
            const SocketLimits& limits, Door door)
      : context_(&context),
        join_secret_(join_secret.copy()),
        own_secret_(own_secret.copy()),
        limits_(limits),
        door_(std::move(door)) {}
  Status open_one(Socket kind, const std::string& address);
  void close(Socket kind);
  [[nodiscard]] const Secret<32>& secret_of(Socket kind) const {
    return kind == Socket::kJoin ? join_secret_ : own_secret_;
  }
  [[nodiscard]] zmq::socket_t& socket(Socket kind) { return sockets_[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] bool may_answer_hello(Time now);
  [[nodiscard]] static std::string sender_of(zmq::message_t& part);
  void read_join(Time now, ListenerEvents& events);
  void read_subscriptions();
  void read_members(Socket kind, ListenerEvents& events);
  [[nodiscard]] Sent write(const Send& message, const Bytes& route);
  void send_held();

  zmq::context_t* context_;
  Secret<32> join_secret_, own_secret_;
  SocketLimits limits_;
  Door door_;
  std::array<zmq::socket_t, kKinds> sockets_;
  std::array<std::uint16_t, kKinds> ports_{};
  std::array<std::string, kKinds> bound_;
  std::optional<Time> closed_since_;
  std::array<std::unordered_map<NodeId, Bytes>, 2> routes_;       // by lane: routing ids
  std::array<std::unordered_map<NodeId, HeldMessages>, 2> held_;  // by lane: never empty ones
  std::vector<NodeId> gone_;
  double hello_tokens_ = 0;  // bucket of hellos that may be answered
  Time hello_refill_;
  Traffic traffic_;
};

}  // namespace zswarm::bus
