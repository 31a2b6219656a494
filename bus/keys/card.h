// The card of a node: who it is and where it is reached, signed. Members show it to each other at the join
// socket and pass it on in shuffles and the ledger; whoever holds a valid one admits its CURVE key.
//
//   card  [body bin, signature bin 64, mac bin 32]
//   body  [format 1, epoch, sign key bin 32, CURVE key bin 32, incarnation, instance, name, version,
//          [role…], [[label, value]…], [join, gossip, control, dispatch, stage]]      endpoints as text, ""
//          for
//                                                                                     a socket that it has
//                                                                                     not
//   signature  Ed25519 of the body by the sign key, purpose "zswarm card"
//   mac        keyed BLAKE2b of body || signature under the epoch's membership key, purpose "zswarm card mac"
//
// The signature shows that the node made it, the MAC that the node held the token of that epoch. Elements
// that a later version adds come at the end of the body or its sockets and are passed over, so a card is kept
// and passed on as the bytes that arrived. Pure functions; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bus/base/bytes.h"
#include "bus/base/error.h"
#include "bus/base/node_id.h"
#include "bus/keys/curve.h"
#include "bus/keys/endpoint.h"
#include "bus/keys/network_keys.h"
#include "bus/keys/sign.h"

namespace zswarm::bus {

inline constexpr std::size_t kMaxCardBytes = 1024;
inline constexpr std::size_t kMaxNameBytes = 64;     // plain text, base/text.h
inline constexpr std::size_t kMaxVersionBytes = 32;  // the same
inline constexpr std::size_t kMaxRoles = 8;
inline constexpr std::size_t kMaxRoleBytes = 16;  // a plain word
inline constexpr std::size_t kMaxLabels = 16;
inline constexpr std::size_t kMaxLabelKeyBytes = 32;    // a plain word, each once
inline constexpr std::size_t kMaxLabelValueBytes = 64;  // plain text

enum class Socket : std::uint8_t { kJoin, kGossip, kControl, kDispatch, kStage };
inline constexpr std::size_t kSocketCount = 5;
/// "join", "gossip"…
[[nodiscard]] std::string_view socket_name(Socket socket);

struct Card {
  std::uint32_t epoch = 0;  // of the token whose membership key made the MAC
  SignPublicKey sign_key{};
  CurvePublicKey curve_key{};     // curve_key_of(sign_key)
  std::uint64_t incarnation = 0;  // of two cards of one node, the higher counts: identity.h
  std::uint64_t instance = 0;     // random, of this process: two at one time are two nodes with one identity
  std::string name, version;
  std::vector<std::string> roles;  // words that only the program above understands
  std::vector<std::pair<std::string, std::string>> labels;
  std::array<std::optional<Endpoint>, kSocketCount> sockets;

  [[nodiscard]] NodeId id() const { return node_id_of(sign_key); }
  /// Whether it can be anybody's neighbour. Else it is a guest: it talks to members and is talked to over the
  /// connections that it opens.
  [[nodiscard]] bool takes_links() const {
    return socket(Socket::kJoin) && socket(Socket::kGossip) && socket(Socket::kControl);
  }
  [[nodiscard]] const std::optional<Endpoint>& socket(Socket s) const {
    return sockets[static_cast<std::size_t>(s)];
  }
  std::optional<Endpoint>& socket(Socket s) { return sockets[static_cast<std::size_t>(s)]; }

  friend bool operator==(const Card&, const Card&) = default;
};

/// The card's bytes. `sign_key`, `curve_key` and `epoch` are set from the keys. kTooLarge or kMalformed says
/// which field is over its limit.
[[nodiscard]] Result<Bytes> seal_card(Card card, const SignKeyPair& keys, const NetworkKeys& network);

/// What the bytes say, without any trust: neither signature nor MAC is looked at.
[[nodiscard]] Result<Card> read_card(ByteView bytes);

/// The card, if a member of one of these epochs made it and nobody has changed it. kMalformed, kTooLarge;
/// kUnsupported: of a newer format; kRefused: of another epoch, another network, or with a signature that
/// does not fit. The sentence names the node where that can be told.
[[nodiscard]] Result<Card> verify_card(ByteView bytes, std::span<const NetworkKeys> epochs);

}  // namespace zswarm::bus
