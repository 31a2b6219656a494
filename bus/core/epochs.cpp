#include "bus/core/epochs.h"

#include <charconv>

#include "bus/base/error.h"

namespace zswarm::bus {

Epochs::Epochs(std::vector<NetworkKeys> epochs) : epochs_(std::move(epochs)) {
  ZS_BUS_ASSERT(!epochs_.empty());
  while (epochs_.size() > kMost) epochs_.pop_back();
}

void Epochs::advance(NetworkKeys next) {
  ZS_BUS_ASSERT(next.epoch > present().epoch);
  if (epochs_.size() == kMost) epochs_.pop_back();
  epochs_.insert(epochs_.begin(), std::move(next));
}

std::string epoch_key(std::uint32_t epoch, const NodeId& node) {
  return std::string(kEpochPrefix) + std::to_string(epoch) + "/" + node.text();
}

std::optional<EpochKey> parse_epoch_key(std::string_view key) {
  if (!key.starts_with(kEpochPrefix)) return std::nullopt;
  const std::string_view rest = key.substr(kEpochPrefix.size());
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  EpochKey read;
  const auto parsed = std::from_chars(rest.data(), rest.data() + slash, read.epoch);
  const auto node = NodeId::parse(rest.substr(slash + 1));
  if (parsed.ec != std::errc() || !node) return std::nullopt;
  read.node = *node;
  // One key has one text: no zeros in front, no capitals in the id.
  return epoch_key(read.epoch, read.node) == key ? std::optional(read) : std::nullopt;
}

}  // namespace zswarm::bus
