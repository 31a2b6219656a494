#include "bus/base/node_id.h"

#include "bus/base/base32.h"

namespace zswarm::bus {

std::string NodeId::text() const {
  return base32_text(bytes);
}

std::optional<NodeId> NodeId::parse(std::string_view text) {
  const auto decoded = base32_bytes(text);
  NodeId id;
  if (!decoded || decoded->size() != id.bytes.size()) return std::nullopt;
  std::copy(decoded->begin(), decoded->end(), id.bytes.begin());
  return id;
}

}  // namespace zswarm::bus
