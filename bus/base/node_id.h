// The name of a node: the first 16 bytes of the BLAKE2b hash of its signing key.
//
// Who has the key cannot choose the name, and two keys with one name cannot be found on purpose (2^128 trials
// for a given name). As text: 26 characters of lower-case Crockford base32, which people can read aloud; a
// unique beginning of at least four characters stands for it on the command line.
#pragma once

#include <compare>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "bus/base/bytes.h"

namespace zswarm::bus {

struct NodeId {
  ByteArray<16> bytes{};

  [[nodiscard]] std::string text() const;
  /// The text of a whole id; nothing else is taken.
  [[nodiscard]] static std::optional<NodeId> parse(std::string_view text);

  friend auto operator<=>(const NodeId&, const NodeId&) = default;
};

}  // namespace zswarm::bus

template <>
struct std::hash<zswarm::bus::NodeId> {
  std::size_t operator()(const zswarm::bus::NodeId& id) const noexcept {
    std::size_t value;  // the bytes are a hash already
    std::memcpy(&value, id.bytes.data(), sizeof(value));
    return value;
  }
};
