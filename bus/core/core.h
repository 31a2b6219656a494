// All protocols of one node, composed: admission, overlay, ledger, requests and streams. Sans-I/O: see
// proto/outbox.h.
//
// The driver hands in what arrives and the time; afterwards it carries out take_effects() and arms one timer
// for next_timer(). What is addressed to a part goes to it by the message's type; what parts find out about
// each other (a death, a revocation, news) is passed on here. One thread, that of the driver.
//
// Admission. Whoever shows a valid card at the join socket has proved the token: the socket itself runs under
// keys that follow from it, and the card carries a MAC under another. A card of a node that the operator has
// revoked is refused everywhere.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bus/core/members.h"
#include "bus/keys/card.h"
#include "bus/keys/identity.h"
#include "bus/keys/network_keys.h"
#include "bus/ledger/store.h"
#include "bus/ledger/sync.h"
#include "bus/overlay/overlay.h"
#include "bus/service/client.h"
#include "bus/service/server.h"

namespace zswarm::bus {

struct CoreOptions {
  OverlayConfig overlay;
  ClientConfig client;
  ServerConfig server;
  Card card;                             // name, version, roles, labels and sockets; the rest is filled in
  std::uint64_t instance = 0, seed = 0;  // random
};

class Core {
 public:
  /// `epochs`: the present token's keys first, then older ones that still count. kTooLarge or kMalformed if
  /// the card's fields are over their limits.
  [[nodiscard]] static Result<std::unique_ptr<Core>> create(CoreOptions options, Identity identity,
                                                            std::vector<NetworkKeys> epochs);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // --- From the driver ---

  /// What to say at other nodes' join sockets.
  [[nodiscard]] Bytes hello() const;
  /// Somebody's hello at ours; the answer.
  [[nodiscard]] Bytes on_hello(const Now& now, ByteView message);
  /// The answer to our hello. The sentence says why we were not let in.
  Status on_welcome(const Now& now, ByteView message);
  Status on_message(const Now& now, const NodeId& from, Lane lane, ByteView message,
                    std::vector<Bytes> frames);
  Status on_gossip(const Now& now, const NodeId& from, ByteView message);
  void on_lost(const Now& now, const NodeId& peer);
  void on_timer(const Now& now);
  [[nodiscard]] Time next_timer() const;
  [[nodiscard]] std::vector<Effect> take_effects() { return out_.take(); }

  // --- From the program ---

  Status put(const Now& now, std::string_view key, ByteView value);
  Status erase(const Now& now, std::string_view key);
  /// Signed by the operator, for who has its key: what concerns the network as a whole.
  Status put_as_operator(const Now& now, const SignKeyPair& operator_keys, std::string_view key,
                         ByteView value);
  void leave(const Now& now);

  [[nodiscard]] Ledger& ledger() { return ledger_; }
  [[nodiscard]] const Members& members() const { return members_; }
  [[nodiscard]] const Overlay& overlay() const { return *overlay_; }
  [[nodiscard]] ServiceServer& services() { return server_; }
  [[nodiscard]] ServiceClient& calls() { return *client_; }
  [[nodiscard]] Outbox& out() { return out_; }
  /// Nodes of which two processes were seen at one time; this one may be among them.
  [[nodiscard]] const std::set<NodeId>& duplicates() const { return duplicates_; }
  [[nodiscard]] const NodeId& id() const { return identity_.id; }
  [[nodiscard]] const Bytes& card() const { return card_; }

 private:
  class Cards;
  Core(CoreOptions options, Identity identity, std::vector<NetworkKeys> epochs, Bytes card);
  [[nodiscard]] Result<Card> admit(const Now& now, ByteView card);
  Status tell(const Now& now, Result<Bytes> delta);
  void broadcast(const Now& now, Bytes payload);
  void settle(const Now& now);
  void on_event(const Now& now, const OverlayEvent& event);
  void on_gone(const Now& now, const NodeId& node, MemberState state);
  void read_ledger_news(const Now& now);

  CoreOptions options_;
  Identity identity_;
  std::vector<NetworkKeys> epochs_;
  Bytes card_;
  std::unique_ptr<Cards> cards_;
  Random random_;
  Ledger ledger_;
  Sync sync_;
  Members members_;
  std::unique_ptr<Overlay> overlay_;
  ServiceServer server_;
  std::unique_ptr<ServiceClient> client_;
  Outbox out_;
  WatchId card_watch_{}, revoked_watch_{};
  Time ledger_timer_, sync_due_;
  bool introduced_self_ = false;  // our card is in the ledger
  std::set<NodeId> duplicates_;   // of which two processes were seen
};

}  // namespace zswarm::bus
