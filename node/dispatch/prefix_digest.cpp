#include "node/dispatch/prefix_digest.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/model/kv_cache.h"

namespace zswarm::node {

namespace {

constexpr std::size_t kPage = model::kPageTokens;
constexpr std::size_t kBitsPerPage = 10;
constexpr int kProbes = 5;

std::uint64_t stirred(std::uint64_t state, std::uint64_t word) {
  state = (state ^ word) * 0x9e3779b97f4a7c15ull;
  return state ^ (state >> 29);
}

/// Bit number of one probe, scaled to `bits`: half of it in a filter of half the size.
std::size_t probe(ChainHash chain, int number, std::size_t bits) {
  const auto first = static_cast<std::uint32_t>(chain), step = static_cast<std::uint32_t>(chain >> 32) | 1u;
  const std::uint32_t at = first + static_cast<std::uint32_t>(number) * step;
  return static_cast<std::size_t>((std::uint64_t{at} * bits) >> 32);
}

bool contains(const bus::Bytes& bits, ChainHash chain) {
  for (int i = 0; i < kProbes; ++i) {
    const std::size_t at = probe(chain, i, bits.size() * 8);
    if ((bits[at / 8] >> (at % 8) & 1) == 0) return false;
  }
  return true;
}

}  // namespace

std::vector<ChainHash> page_chain(const ModelHash& model, std::span<const TokenId> tokens) {
  std::uint64_t state = 0;
  for (std::size_t i = 0; i < model.size(); i += sizeof(state)) {
    std::uint64_t word = 0;
    std::memcpy(&word, model.data() + i, sizeof(word));
    state = stirred(state, word);
  }
  std::vector<ChainHash> chain;
  const std::size_t pages = std::min(tokens.size() / kPage, kChainPages);
  chain.reserve(pages);
  for (std::size_t page = 0; page < pages; ++page) {
    for (const TokenId token : tokens.subspan(page * kPage, kPage))
      state = stirred(state, static_cast<std::uint32_t>(token));
    chain.push_back(stirred(state, kPage));
  }
  return chain;
}

PrefixDigest make_digest(std::span<const CachedPage> pages, std::size_t bytes_max) {
  PrefixDigest digest;
  const std::size_t most = std::min(bytes_max, kDigestBytes) * 8 / kBitsPerPage;
  const auto count = [&] {
    return static_cast<std::size_t>(std::count_if(pages.begin(), pages.end(), [&](const CachedPage& page) {
      return (page.index + 1) % digest.stride == 0;
    }));
  };
  std::size_t keys = count();
  while (keys > most && digest.stride < kStrideMax) {
    digest.stride *= 2;
    keys = count();
  }
  if (keys == 0 || most == 0) return {};
  const std::size_t wanted = (keys * kBitsPerPage + 15) / 16 * 2;  // even, so that it can be halved
  digest.bits.assign(std::min(wanted, std::min(bytes_max, kDigestBytes) / 2 * 2), 0);
  if (digest.bits.empty()) return {};
  for (const CachedPage& page : pages) {
    if ((page.index + 1) % digest.stride != 0) continue;
    for (int i = 0; i < kProbes; ++i) {
      const std::size_t at = probe(page.chain, i, digest.bits.size() * 8);
      digest.bits[at / 8] = static_cast<std::uint8_t>(digest.bits[at / 8] | 1u << at % 8);
    }
  }
  if (is_overfull(digest)) return {};
  return digest;
}

void halve(PrefixDigest& digest) {
  bus::Bytes half(digest.bits.size() / 2, 0);
  if (digest.bits.size() % 2 != 0) half.clear();  // positions would not map
  for (std::size_t at = 0; at < half.size() * 16; ++at) {
    if ((digest.bits[at / 8] >> (at % 8) & 1) == 0) continue;
    half[at / 16] = static_cast<std::uint8_t>(half[at / 16] | 1u << at / 2 % 8);
  }
  digest.bits = std::move(half);
  if (digest.bits.empty() || is_overfull(digest)) digest = {};
}

bool is_overfull(const PrefixDigest& digest) {
  std::size_t set = 0;
  for (const std::uint8_t byte : digest.bits) set += static_cast<std::size_t>(std::popcount(byte));
  return set * 10 > digest.bits.size() * 8 * 7;
}

std::uint32_t overlap(const PrefixDigest& digest, std::span<const ChainHash> chain) {
  if (digest.bits.empty()) return 0;
  const std::size_t stride = std::max(1u, digest.stride);
  std::size_t pages = 0;
  while (pages + stride <= chain.size() && contains(digest.bits, chain[pages + stride - 1])) pages += stride;
  return static_cast<std::uint32_t>(pages);
}

void RecentPrefixes::note(bus::Time now, std::span<const ChainHash> chain, const bus::NodeId& node) {
  // From the last to the first: what goes first for want of room is the end of a prefix, never its beginning.
  for (std::size_t i = chain.size(); i-- > 0;) {
    const auto known = by_chain_.find(chain[i]);
    if (known == by_chain_.end()) {
      pages_.push_front({chain[i], {}});
      by_chain_.emplace(chain[i], pages_.begin());
    } else {
      pages_.splice(pages_.begin(), pages_, known->second);
    }
    std::vector<Sent>& sent = pages_.front().sent;
    std::erase_if(sent, [&](const Sent& s) { return s.node == node; });
    if (sent.size() == kNodesPerPage) sent.erase(sent.begin());
    sent.push_back({node, now});
    if (pages_.size() > pages_max_) {
      by_chain_.erase(pages_.back().chain);
      pages_.pop_back();
    }
  }
}

void RecentPrefixes::forget(std::span<const ChainHash> chain, const bus::NodeId& node) {
  for (const ChainHash page : chain) {
    const auto known = by_chain_.find(page);
    if (known == by_chain_.end()) continue;
    std::erase_if(known->second->sent, [&](const Sent& s) { return s.node == node; });
  }
}

std::vector<RecentPrefixes::Found> RecentPrefixes::find(bus::Time now,
                                                        std::span<const ChainHash> chain) const {
  std::vector<Found> found;
  for (std::uint32_t pages = 0; pages < chain.size(); ++pages) {
    const auto known = by_chain_.find(chain[pages]);
    if (known == by_chain_.end()) break;
    bool any = false;
    for (const Sent& sent : known->second->sent) {
      if (now - sent.at > kFor) continue;
      any = true;
      const auto at =
          std::find_if(found.begin(), found.end(), [&](const Found& f) { return f.node == sent.node; });
      if (at == found.end()) {
        if (pages == 0) found.push_back({sent.node, 1});  // only who has the first page has a prefix
      } else if (at->pages == pages) {
        at->pages = pages + 1;
      }
    }
    if (!any) break;
  }
  return found;
}

}  // namespace zswarm::node
