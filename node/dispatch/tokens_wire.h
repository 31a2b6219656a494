// Token ids as bytes: little-endian int32, in raw frames and bins (node/PROTOCOL.md).
#pragma once

#include <bit>
#include <cstring>
#include <span>
#include <vector>

#include "bus/base/bytes.h"
#include "node/client.h"

namespace zswarm::node {

static_assert(std::endian::native == std::endian::little, "token ids are copied as they lie in memory");

inline void append_tokens(std::span<const TokenId> tokens, bus::Bytes& out) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(tokens.data());
  out.insert(out.end(), bytes, bytes + tokens.size_bytes());
}

/// `bytes` must hold whole tokens.
inline void append_tokens(bus::ByteView bytes, std::vector<TokenId>& out) {
  const std::size_t before = out.size();
  out.resize(before + bytes.size() / sizeof(TokenId));
  if (!bytes.empty()) std::memcpy(out.data() + before, bytes.data(), bytes.size());
}

}  // namespace zswarm::node
