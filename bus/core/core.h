// All protocols of one node, composed: admission, overlay, ledger, requests and streams, chunk transfer.
// Sans-I/O: see proto/outbox.h.
//
// The driver hands in what arrives and the time; afterwards it carries out take_effects() and arms one timer
// for next_timer(). What is addressed to a part goes to it by the message's type; what parts find out about
// each other (a death, a revocation, news) is passed on here. One thread, that of the driver.
//
// Admission. Whoever shows a valid card at the join socket has proved the token: the socket itself runs under
// keys that follow from it, and the card carries a MAC under another. A card of a node that the operator has
// revoked is refused everywhere.
//
// Rotation. Whoever has the operator's key writes the next token for each member (epochs.h); this node takes
// its own by itself, and take_new_token() hands it to the program, which keeps it for the next start.
//
// What others can make this node remember is bounded by CoreLimits: whom it forgets for want of room, it
// tells the driver (Forget).
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bus/base/token_bucket.h"
#include "bus/chunks/client.h"
#include "bus/chunks/server.h"
#include "bus/core/card_desk.h"
#include "bus/core/clients.h"
#include "bus/core/core_roster.h"
#include "bus/core/epochs.h"
#include "bus/core/limits.h"
#include "bus/core/members.h"
#include "bus/core/news_desk.h"
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
  FetchConfig fetch;
  ChunkServerConfig chunks;
  CoreLimits limits;
  Card card;                             // name, version, roles, labels and sockets; the rest is filled in
  std::uint64_t instance = 0, seed = 0;  // random
};

class Core {
 public:
  /// `epochs`: the present token's keys first, then those of the one before, if it counts. kTooLarge or
  /// kMalformed if the card's fields are over their limits.
  [[nodiscard]] static Result<std::unique_ptr<Core>> create(CoreOptions options, Identity identity,
                                                            std::vector<NetworkKeys> epochs);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // --- From the driver ---

  /// What to say at other nodes' join sockets.
  [[nodiscard]] Bytes hello() const;
  /// Somebody's hello at ours; the answer. Empty: there is none.
  [[nodiscard]] Bytes on_hello(const Now& now, ByteView message);
  /// The answer to our hello. The sentence says why we were not let in.
  Status on_welcome(const Now& now, ByteView message);
  Status on_message(const Now& now, const NodeId& from, Lane lane, ByteView message,
                    std::vector<Bytes> frames);
  Status on_gossip(const Now& now, const NodeId& from, ByteView message);
  void on_lost(const Now& now, const NodeId& peer);
  /// The answer to a Knock: whether a process listens at the node's address.
  void on_knocked(const Now& now, const NodeId& peer, bool listens);
  /// Nobody answers at the node's sockets.
  void on_unreachable(const Now& now, const NodeId& peer);
  /// A message on the dispatch lane could not be sent, and none is to follow it: the streams with this node
  /// end.
  void on_stuck(const Now& now, const NodeId& peer);
  void on_timer(const Now& now);
  /// This node's sockets are reached elsewhere from now on: everybody gets a new card. kTooLarge or
  /// kMalformed as for create(); then the old one stays.
  Status set_sockets(const Now& now, const std::array<std::optional<Endpoint>, kSocketCount>& sockets);
  [[nodiscard]] Time next_timer() const;
  [[nodiscard]] std::vector<Effect> take_effects();
  /// The keys of the join socket, of hellos and beacons: to be asked again at each Rekey.
  [[nodiscard]] const NetworkKeys& keys() const { return epochs_.present(); }
  /// Sentences for the operator: what was noticed and is nobody's answer.
  [[nodiscard]] std::vector<std::string> take_notes() { return std::exchange(notes_, {}); }

  // --- From the program ---

  Status put(const Now& now, std::string_view key, ByteView value);
  Status erase(const Now& now, std::string_view key);
  /// Signed by the operator, for who has its key: what concerns the network as a whole.
  Status put_as_operator(const Now& now, const SignKeyPair& operator_keys, std::string_view key,
                         ByteView value);
  Status erase_as_operator(const Now& now, const SignKeyPair& operator_keys, std::string_view key);
  /// Gives the network its next token: sealed to every member that is known and not revoked. This node takes
  /// it at once, the others as soon as the ledger reaches them. kRefused if `next` is of another network or
  /// not above the present epoch, kBusy if the ledger had no room for some of them: they are to be given the
  /// token by hand.
  Status rotate(const Now& now, const SignKeyPair& operator_keys, const Token& next);
  /// The token of a new epoch that this node has taken since the last call, to be kept for its next start.
  [[nodiscard]] std::optional<Token> take_new_token() { return std::exchange(new_token_, std::nullopt); }
  /// Registers a client (clients.h), everywhere, for as long as this node lives and a day longer.
  Status add_client(const Now& now, const CurvePublicKey& key, std::string_view name);
  /// Takes back what this node registered.
  Status remove_client(const Now& now, const NodeId& client);
  /// Tells everybody this node's load; at most kMaxHintBytes, which only the program understands.
  Status hint(const Now& now, ByteView bytes);
  void leave(const Now& now);

  [[nodiscard]] Ledger& ledger() { return ledger_; }
  [[nodiscard]] const Ledger& ledger() const { return ledger_; }
  [[nodiscard]] const Members& members() const { return members_; }
  [[nodiscard]] const Overlay& overlay() const { return *overlay_; }
  [[nodiscard]] ServiceServer& services() { return server_; }
  [[nodiscard]] ServiceClient& calls() { return *client_; }
  /// What this node gives of blobs, and what it fetches.
  [[nodiscard]] ChunkServer& chunks() { return *chunk_server_; }
  [[nodiscard]] ChunkClient& fetches() { return *chunk_client_; }
  [[nodiscard]] const Clients& clients() const { return clients_; }
  [[nodiscard]] Outbox& out() { return out_; }
  /// Nodes of which two processes were seen at one time; this one may be among them.
  [[nodiscard]] const std::set<NodeId>& duplicates() const { return duplicates_; }
  /// True once another member has told us all that it has in the ledger.
  [[nodiscard]] bool is_in_step() const { return in_step_; }
  [[nodiscard]] const NodeId& id() const { return identity_.id; }
  [[nodiscard]] const Bytes& card() const { return card_; }

 private:
  Core(CoreOptions options, Identity identity, std::vector<NetworkKeys> epochs, Bytes card);
  [[nodiscard]] Result<Card> admit(const Now& now, ByteView card);
  [[nodiscard]] bool remember(Time now, const Card& card);
  [[nodiscard]] bool is_in_views(const NodeId& id) const;
  [[nodiscard]] std::optional<Error> other_version(const Now& now, const NodeId& from, Lane lane,
                                                   ByteView message);
  Status on_dispatch(const Now& now, const NodeId& from, const Header& header, ByteView message,
                     std::vector<Bytes> frames);
  Status on_control(const Now& now, const NodeId& from, const Header& header, ByteView message);
  Status tell(const Now& now, Result<Bytes> delta);
  void broadcast_entry(const Now& now, const Bytes& entry);
  void settle(const Now& now);
  void on_event(const Now& now, const OverlayEvent& event);
  void on_news(const Now& now, const Delivered& news);
  [[nodiscard]] bool is_suspected(const NodeId& id) const;
  void give_up_suspects(const Now& now);
  void on_gone(const Now& now, const NodeId& node, MemberState state);
  void end_streams(const Now& now, const NodeId& peer);
  void note_duplicate(const NodeId& id);
  void answer_info(const Now& now);
  void note(std::string sentence);

  // What the ledger tells (core_ledger.cpp).
  void introduce_self(const Now& now);
  void read_ledger_news(const Now& now);
  template <class Visit>
  void read_news(WatchId watch, std::string_view prefix, Visit visit);
  void read_card(const Now& now, std::string_view key);
  void read_revocation(const Now& now, std::string_view key);
  void shut_out(const Now& now, const NodeId& id, std::string why);
  void let_in_again(const Now& now, const NodeId& id);
  void read_epoch(const Now& now, std::string_view key);
  void read_client_entry(const Now& now, std::string_view key);
  [[nodiscard]] Status take_epoch(const Now& now, std::uint32_t epoch, ByteView sealed);
  /// Shuts out who came with the old token while this node had not heard of the new one.
  void review_members(const Now& now);

  CoreOptions options_;
  Identity identity_;
  Epochs epochs_;
  Bytes card_;
  Random random_;
  Ledger ledger_;
  CardDesk cards_;
  NewsDesk news_;
  Sync sync_;
  Members members_;
  CoreRoster roster_;
  Clients clients_;
  std::unique_ptr<Overlay> overlay_;
  ServiceServer server_;
  std::unique_ptr<ServiceClient> client_;
  std::unique_ptr<ChunkServer> chunk_server_;
  std::unique_ptr<ChunkClient> chunk_client_;
  Outbox out_;
  WatchId card_watch_{}, revoked_watch_{}, epoch_watch_{}, client_watch_{};
  Time ledger_timer_, sync_due_, last_now_;
  Time review_due_ = kNever;     // of the members, after a rotation
  std::optional<Time> started_;  // since then our card is in the ledger
  bool in_step_ = false;         // a reconciliation has come to its end
  TokenBucket version_answers_;
  std::optional<Token> new_token_;
  std::uint64_t hints_told_ = 0;
  std::vector<std::string> notes_;
  std::set<NodeId> duplicates_;  // of which two processes were seen
  std::deque<NodeId> duplicate_order_;
};

}  // namespace zswarm::bus
