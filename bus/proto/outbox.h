// What protocol code wants done. It has no socket, clock, thread or callback: a call hands in what happened
// (a message, a timer, a wish of the program), and leaves effects here, in order, for the driver to carry
// out.
//
// Two drivers do: the ZeroMQ driver (zmq/) and the simulator (sim/). Both take the effects after every call,
// so an outbox is empty between calls; its order is the order in which things are sent.
//
// How effects meet sockets:
//   Send       one message to one node. Lane::kControl and kDispatch are a DEALER of ours that is connected
//   to the other's ROUTER.
//              The driver connects by need (the receiver's card must be known to it: see Admit) and closes
//              connections that nobody has linked and that have been idle.
//   Publish    our PUB socket; reaches those who subscribed to the topic at this node. Nothing is kept for
//   later subscribers. Subscribe  our SUB connection to that node's PUB. Only linked nodes can be subscribed
//   to. Link       keep connections to this node until Unlink; the driver reports Lost if the transport says
//   that it is gone. Admit      this node may connect to our member sockets, and we know where to reach it.
//   Expel takes that back and closes
//              what is open. Forget does so for want of room: nobody did anything wrong.
//   AdmitClient  this key may connect to our dispatch socket and to no other, until Expel.
//   Knock      ask the node's operating system whether a process listens there; the driver reports Knocked
//   only if it was told: one way or the other. Silence is no report.
//   Rekey      the network's token has changed: the join socket, hellos and beacons go on under the keys that
//              the core now has.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bus/base/bytes.h"
#include "bus/base/node_id.h"
#include "bus/base/time.h"

namespace zswarm::bus {

enum class Lane : std::uint8_t { kControl, kDispatch };

/// Topics of the gossip socket: the whole news, or ids of news.
enum class Topic : std::uint8_t { kEager, kLazy };

struct Send {
  NodeId to;
  Lane lane = Lane::kControl;
  Bytes message;
  std::vector<Bytes> frames{};  // raw, beside the message, as further parts of one multipart message
};
struct Publish {
  Topic topic;
  Bytes message;
};
struct Subscribe {
  NodeId to;
  Topic topic;
  bool on = true;
};
struct Link {
  NodeId to;
};
struct Unlink {
  NodeId to;
};
struct Admit {
  NodeId node;
  Bytes card;  // keys/card.h: keys and addresses, signed
};
struct Expel {
  NodeId node;
  std::string why;
};

struct Forget {
  NodeId node;
};
struct AdmitClient {
  NodeId client;
  ByteArray<32> curve_key{};
};
struct Knock {
  NodeId to;
};
struct Rekey {};

using Effect =
    std::variant<Send, Publish, Subscribe, Link, Unlink, Admit, Expel, Forget, AdmitClient, Knock, Rekey>;

class Outbox {
 public:
  void send(const NodeId& to, Bytes message, Lane lane = Lane::kControl, std::vector<Bytes> frames = {}) {
    effects_.emplace_back(Send{to, lane, std::move(message), std::move(frames)});
  }
  void publish(Topic topic, Bytes message) { effects_.emplace_back(Publish{topic, std::move(message)}); }
  void subscribe(const NodeId& to, Topic topic, bool on) { effects_.emplace_back(Subscribe{to, topic, on}); }
  /// Any of the kinds of effects.
  template <class Kind>
  void add(Kind effect) {
    effects_.emplace_back(std::in_place_type<Kind>, std::move(effect));
  }

  [[nodiscard]] bool empty() const { return effects_.empty(); }
  [[nodiscard]] std::vector<Effect> take() { return std::exchange(effects_, {}); }

 private:
  std::vector<Effect> effects_;
};

}  // namespace zswarm::bus
