// Which prefixes a node has in its KV cache, told in a few hundred bytes; and which this entry sent where
// lately.
//
// The chain hash of a page is a 64-bit hash of the page before it and its own tokens, seeded by the model:
// equal chain hashes mean equal prefixes, up to accidents, which cost a detour and nothing else. It is no
// secret and no proof.
//
// A digest is a Bloom filter (Bloom, 1970) over the chain hashes of cached pages. If there are more than fit
// at about ten bits each (1 % false hits), only each second, fourth … page is in it: the stride. Two probes
// are derived as in Kirsch and Mitzenmacher, 2006; positions are scaled, not masked, so that a filter can be
// halved by joining neighbouring bits.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <span>
#include <unordered_map>
#include <vector>

#include "bus/base/bytes.h"
#include "bus/base/node_id.h"
#include "bus/base/time.h"
#include "node/client.h"
#include "node/dispatch/model_hash.h"

namespace zswarm::node {

using ChainHash = std::uint64_t;
inline constexpr std::size_t kChainPages = 2048;  // of one prompt that are looked at
inline constexpr std::size_t kDigestBytes = 384;
inline constexpr std::size_t kStrideMax = 64;

/// Of the whole pages of `tokens`, at most kChainPages.
[[nodiscard]] std::vector<ChainHash> page_chain(const ModelHash& model, std::span<const TokenId> tokens);

struct CachedPage {
  ChainHash chain = 0;
  std::uint32_t index = 0;  // in its prompt
};

struct PrefixDigest {
  std::uint32_t stride = 1;  // pages whose index + 1 is a multiple of it are in it; a power of two
  bus::Bytes bits;           // empty: nothing is known to be cached
};

/// At most bytes_max bytes, fewer for few pages.
[[nodiscard]] PrefixDigest make_digest(std::span<const CachedPage> pages,
                                       std::size_t bytes_max = kDigestBytes);
/// Half the bytes, more false hits. Empty if it would say yes to almost anything.
void halve(PrefixDigest& digest);
/// More than about 70 % of the bits are set: it would say yes to a sixth of all pages, or is a lie.
[[nodiscard]] bool is_overfull(const PrefixDigest& digest);
/// How many leading pages of a prompt are probably cached.
[[nodiscard]] std::uint32_t overlap(const PrefixDigest& digest, std::span<const ChainHash> chain);

/// Where this entry sent which prefixes lately: a bounded LRU. Hints are seconds old, this is not.
class RecentPrefixes {
 public:
  static constexpr std::size_t kNodesPerPage = 4;
  static constexpr bus::Duration kFor = std::chrono::minutes(5);

  explicit RecentPrefixes(std::size_t pages_max = 32'768) : pages_max_(pages_max) {}

  void note(bus::Time now, std::span<const ChainHash> chain, const bus::NodeId& node);
  /// The node has lost its cache, or never had it.
  void forget(std::span<const ChainHash> chain, const bus::NodeId& node);
  struct Found {
    bus::NodeId node;
    std::uint32_t pages;
  };
  /// The nodes to which leading pages of this prompt went, each once with the most pages.
  [[nodiscard]] std::vector<Found> find(bus::Time now, std::span<const ChainHash> chain) const;
  [[nodiscard]] std::size_t size() const { return pages_.size(); }

 private:
  struct Sent {
    bus::NodeId node;
    bus::Time at;
  };
  struct Page {
    ChainHash chain;
    std::vector<Sent> sent;  // the latest last
  };
  std::size_t pages_max_;
  std::list<Page> pages_;  // the latest first
  std::unordered_map<ChainHash, std::list<Page>::iterator> by_chain_;
};

}  // namespace zswarm::node
