// Where to connect to a node: the endpoints of its card, made fit for this machine.
//
// Names are turned into addresses (names.h), so that libzmq's I/O thread never waits for a name server. And a
// card tells one host for all networks that its node is in. A node that was reached at, or came from, another
// address, which lies on a link of ours while the one that it tells does not (or is its loopback), is
// connected to there: a machine that is in two networks has only one default route. Ports are the card's.
//
// Bounded: kMost nodes that wait for a name or are reached elsewhere; what is beyond keeps what its card
// says. One thread.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bus/keys/card.h"
#include "bus/zmq/connections.h"
#include "bus/zmq/names.h"

namespace zswarm::bus {

class AddressBook {
 public:
  static constexpr std::size_t kMost = 256;

  /// `is_on_link` as in interfaces.h.
  explicit AddressBook(std::function<bool(const std::string& host)> is_on_link);

  /// A valid card's node was reached at `host`, or its hello came from there.
  void met_at(const NodeId& node, const Card& card, const std::string& host);

  /// Empty endpoints are those that the node has not, or whose names nobody knows; `complete` is false while
  /// a name is being looked up: poll() brings the rest.
  [[nodiscard]] PeerAddress find(Time now, const NodeId& node, const Card& card);
  /// Nodes whose names have been answered.
  [[nodiscard]] std::vector<std::pair<NodeId, PeerAddress>> poll(Time now);
  [[nodiscard]] bool waits() const { return names_.waits(); }
  /// The node has gone, or does not answer where it was met.
  void forget(const NodeId& node);

 private:
  [[nodiscard]] std::string address_of(Time now, const NodeId& node, const Card& card, Socket socket,
                                       bool& complete);

  const std::function<bool(const std::string& host)> is_on_link_;
  Names names_;
  std::unordered_map<NodeId, Card> waiting_;
  struct Elsewhere {
    std::string told, met;  // hosts
  };
  std::unordered_map<NodeId, Elsewhere> elsewhere_;
};

}  // namespace zswarm::bus
