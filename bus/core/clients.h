// Clients: CURVE keys that may call services here and are no members. A member registers one in the ledger,
//
//   client/<member>/<client id>   [1, CURVE public key bin 32, name]
//
// and every node then admits the key at its dispatch socket, for as long as the entry lives and neither the
// member nor the client's id is revoked. The id is the first 16 bytes of BLAKE2b(CURVE public key), written
// like a node's. Later versions add elements at the end.
//
// A view of the ledger, kept by the core. Bounded: registrations beyond the limits are passed over. One
// thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "bus/base/error.h"
#include "bus/base/node_id.h"
#include "bus/core/limits.h"
#include "bus/keys/curve.h"

namespace zswarm::bus {

inline constexpr std::string_view kClientPrefix = "client/";

[[nodiscard]] NodeId client_id_of(const CurvePublicKey& key);
[[nodiscard]] std::string client_key(const NodeId& member, const NodeId& client);

struct ClientKey {
  NodeId member, client;
};
/// Only of the text that client_key() gives.
[[nodiscard]] std::optional<ClientKey> parse_client_key(std::string_view key);

struct ClientEntry {
  CurvePublicKey key{};
  std::string name;
};
[[nodiscard]] Bytes write_client(const ClientEntry& client);
/// kMalformed; kUnsupported: of a newer format.
[[nodiscard]] Result<ClientEntry> read_client(ByteView value);

struct Client {
  CurvePublicKey key{};
  std::string name;  // as the member says that registered it first
  std::set<NodeId> registered_by;
};

class Clients {
 public:
  explicit Clients(const CoreLimits& limits) : limits_(limits) {}

  /// The key to admit, if the client is new here; nothing if it is known. kMalformed or kRefused for an entry
  /// that is none, kBusy beyond the limits.
  [[nodiscard]] Result<std::optional<CurvePublicKey>> add(const ClientKey& about, ByteView value);
  /// True if that was its last registration: it is to be shut out.
  bool remove(const ClientKey& about);
  bool forget(const NodeId& client);

  [[nodiscard]] bool contains(const NodeId& id) const { return clients_.contains(id); }
  [[nodiscard]] const std::map<NodeId, Client>& all() const { return clients_; }
  [[nodiscard]] std::size_t registered_by(const NodeId& member) const;

 private:
  void count(const NodeId& member, bool more);

  const CoreLimits limits_;
  std::map<NodeId, Client> clients_;
  std::map<NodeId, std::size_t> by_member_;  // registrations
  std::size_t registrations_ = 0;
};

}  // namespace zswarm::bus
