// The ZAP handler (ZeroMQ RFC 27): decides about every incoming connection, by the client's CURVE key, before
// it may carry a message.
//
// libzmq asks over inproc://zeromq.zap.01; the bus polls this socket with its own and calls answer(). On the
// join socket the one key that follows from the token is admitted, on all others the keys of members, and on
// the dispatch socket those of clients too. The id of a member or client becomes the User-Id of all its
// messages, so their sender cannot be forged. A key that is a member's counts as nothing else, so nobody can
// register another's key as a client's and speak in its place. One thread, that of the bus; no socket may be
// bound before this exists.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>
#include <zmq.hpp>

#include "bus/base/node_id.h"
#include "bus/zmq/sockets.h"

namespace zswarm::bus {

struct CurveKeyHash {
  std::size_t operator()(const CurvePublicKey& key) const noexcept {
    std::size_t value;  // a public key is as good as random
    std::memcpy(&value, key.data(), sizeof(value));
    return value;
  }
};

class ZapHandler {
 public:
  explicit ZapHandler(zmq::context_t& context, const SocketLimits& limits = {});

  /// Client keys of the join socket: one for each epoch of the token that still counts.
  void set_join_keys(std::vector<CurvePublicKey> keys) { join_keys_ = std::move(keys); }

  /// The key's owner may use the member sockets, until expel(). A node's new key takes the place of its old
  /// one. False if as many are admitted as may be.
  bool admit(const NodeId& node, const CurvePublicKey& key);
  /// The key's owner may use the dispatch socket, until expel(). False as above.
  bool admit_client(const NodeId& client, const CurvePublicKey& key);
  void expel(const NodeId& node);
  [[nodiscard]] bool admits(const NodeId& node) const {
    return members_.keys.contains(node) || clients_.keys.contains(node);
  }

  [[nodiscard]] zmq::socket_t& socket() { return socket_; }
  /// Answers one question, if there is one. True if there was.
  bool answer();

  struct Counts {
    std::uint64_t admitted = 0, refused_join = 0, refused_member = 0, malformed = 0;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  struct Verdict {
    bool admitted;
    std::string user_id;
  };
  /// Keys and their owners, both ways.
  struct Admitted {
    std::unordered_map<CurvePublicKey, NodeId, CurveKeyHash> owners;
    std::unordered_map<NodeId, CurvePublicKey> keys;
    bool add(const NodeId& node, const CurvePublicKey& key, std::size_t most);
    void remove(const NodeId& node);
    [[nodiscard]] const NodeId* owner(const CurvePublicKey& key) const;
  };
  [[nodiscard]] Verdict judge(std::string_view domain, std::string_view mechanism, ByteView key);

  zmq::socket_t socket_;
  std::vector<CurvePublicKey> join_keys_;
  Admitted members_, clients_;
  const std::size_t members_max_, clients_max_;
  Counts counts_;
};

}  // namespace zswarm::bus
