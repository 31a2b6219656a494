#include "kernels/sampling/candidates.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace zswarm::sampling {
namespace {

constexpr std::size_t kHeapMax = 4096;  // above, selecting from all is cheaper than a heap
constexpr std::size_t kSortMax = 1024;  // entries that are sorted at once
constexpr unsigned kBucketShift = 16;
constexpr std::size_t kBuckets = 0x8000;  // the upper half of the bits of a float that is not negative

bool larger_x(const Entry& a, const Entry& b) {
  return a.x != b.x ? a.x > b.x : a.token < b.token;
}

struct Ranked {
  std::uint32_t rank;
  TokenId token;
  double weight;
  friend bool operator<(const Ranked& a, const Ranked& b) {
    return a.rank != b.rank ? a.rank < b.rank : a.token < b.token;
  }
};

/// Where to cut: entries up to (rank, token) are kept.
struct Cut {
  std::uint32_t rank;
  TokenId token;
};

/// The entry of `ranked` at which the sum, starting from `sum`, reaches `target`; the last one if it does
/// not.
Cut cut_in(std::vector<Ranked>& ranked, double sum, double target) {
  std::sort(ranked.begin(), ranked.end());
  for (const Ranked& entry : ranked) {
    sum += entry.weight;
    if (sum >= target) return {entry.rank, entry.token};
  }
  return {ranked.back().rank, ranked.back().token};
}

/// Keeps the entries of lowest rank up to the one that reaches `target`. Sorting many would cost more than
/// the rest of the sampler, so their weights are first summed by the upper half of the rank, and only the
/// part that the cut falls into is sorted.
template <class Rank>
void keep_mass(std::vector<Entry>& entries, double target, Rank rank) {
  double sum = 0;
  std::size_t border = kBuckets;  // all of them
  if (entries.size() > kSortMax) {
    std::vector<double> sums(kBuckets, 0.0);
    for (const Entry& entry : entries) sums[rank(entry) >> kBucketShift] += entry.weight;
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
      if (sums[bucket] <= 0) continue;
      if (border != kBuckets) sum += sums[border];
      border = bucket;  // also the last one with weight, if rounding leaves the target out of reach
      if (sum + sums[bucket] >= target) break;
    }
  }
  std::vector<Ranked> ranked;
  for (const Entry& entry : entries) {
    const std::uint32_t r = rank(entry);
    if (border == kBuckets || r >> kBucketShift == border) ranked.push_back({r, entry.token, entry.weight});
  }
  const Cut cut = cut_in(ranked, sum, target);
  std::erase_if(entries, [&](const Entry& entry) {
    const std::uint32_t r = rank(entry);
    return r > cut.rank || (r == cut.rank && entry.token > cut.token);
  });
}

/// For numbers that are not negative: the larger one has the larger bits.
std::uint32_t bits(float value) {
  return std::bit_cast<std::uint32_t>(value);
}

}  // namespace

std::vector<Entry> largest(std::span<const float> logits, std::size_t count) {
  std::vector<Entry> entries;
  if (count == 0) return entries;
  // A heap with the least of the kept ones on top. Ids come in ascending order, so an equal logit never
  // displaces one.
  float least = -std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (!(logits[i] > least)) continue;
    if (entries.size() == count) {
      std::pop_heap(entries.begin(), entries.end(), larger_x);
      entries.pop_back();
    }
    entries.push_back({static_cast<TokenId>(i), logits[i], 0});
    std::push_heap(entries.begin(), entries.end(), larger_x);
    if (entries.size() == count) least = entries.front().x;
  }
  std::sort(entries.begin(), entries.end(), larger_x);
  return entries;
}

std::vector<Entry> keep_top(std::span<const float> logits, std::size_t count) {
  if (count <= kHeapMax) return largest(logits, count);
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] != -std::numeric_limits<float>::infinity())
      entries.push_back({static_cast<TokenId>(i), logits[i], 0});
  }
  if (count >= entries.size()) return entries;
  auto ordered = entries;
  const auto last = ordered.begin() + static_cast<std::ptrdiff_t>(count) - 1;
  std::nth_element(ordered.begin(), last, ordered.end(), larger_x);
  std::erase_if(entries, [cut = *last](const Entry& entry) { return larger_x(cut, entry); });
  return entries;
}

double total_weight(std::span<const Entry> entries) {
  double sum = 0;
  for (const Entry& entry : entries) sum += entry.weight;
  return sum;
}

void keep_typical(std::vector<Entry>& entries, float mass) {
  const double total = total_weight(entries);
  // -log p = log(total) - x and the entropy is the mean of that; log(total) cancels in their difference.
  double weighted = 0;
  for (const Entry& entry : entries) weighted += static_cast<double>(entry.weight) * entry.x;
  const double mean = weighted / total;
  keep_mass(entries, static_cast<double>(mass) * total,
            [mean](const Entry& entry) { return bits(static_cast<float>(std::fabs(entry.x - mean))); });
}

void keep_nucleus(std::vector<Entry>& entries, float mass, double total) {
  keep_mass(entries, static_cast<double>(mass) * total,
            [](const Entry& entry) { return bits(1.0f) - bits(entry.weight); });
}

void keep_above(std::vector<Entry>& entries, float share) {
  float top = 0;
  for (const Entry& entry : entries) top = std::max(top, entry.weight);
  std::erase_if(entries, [least = share * top](const Entry& entry) { return entry.weight < least; });
}

}  // namespace zswarm::sampling
