// The epochs of the network's token that count at this node, and where in the ledger the next one lies.
//
// A rotation gives the network a new secret while everybody stays connected. The operator writes, for each
// member, network/epoch/<n>/<node id>: the new token, sealed to that member (keys/sealed_token.h). A member
// that finds its own takes it: its card and its join socket go on under the new keys. The keys of the epoch
// before still tell whether a card was good, and so a member that is slower, or away, goes on counting; but
// only one for which the operator has sealed the new token. Nobody else gets in with the old one, and who got
// in while this node had not heard of the rotation is shut out.
//
// One thread; owns the keys.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bus/base/node_id.h"
#include "bus/keys/network_keys.h"

namespace zswarm::bus {

class Epochs {
 public:
  static constexpr std::size_t kMost = 2;

  /// The present epoch's keys first, then the one's before, if it counts. At least one.
  explicit Epochs(std::vector<NetworkKeys> epochs);

  [[nodiscard]] const NetworkKeys& present() const { return epochs_.front(); }
  [[nodiscard]] std::span<const NetworkKeys> all() const { return epochs_; }
  /// From now on these are the present ones.
  void advance(NetworkKeys next);

 private:
  std::vector<NetworkKeys> epochs_;
};

inline constexpr std::string_view kEpochPrefix = "network/epoch/";

/// "network/epoch/<epoch>/<node id>".
[[nodiscard]] std::string epoch_key(std::uint32_t epoch, const NodeId& node);

struct EpochKey {
  std::uint32_t epoch = 0;
  NodeId node;
};
/// Only of the text that epoch_key() gives.
[[nodiscard]] std::optional<EpochKey> parse_epoch_key(std::string_view key);

}  // namespace zswarm::bus
