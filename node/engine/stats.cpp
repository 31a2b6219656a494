#include "node/engine/stats.h"

#include <iterator>

namespace zswarm::node {

void observe(ModelStats::Histogram& histogram, double seconds) {
  constexpr std::size_t kBounds = std::size(ModelStats::kBounds_s);
  for (std::size_t i = 0; i < kBounds; ++i) {
    if (seconds <= ModelStats::kBounds_s[i]) histogram.counts[i] += 1;
  }
  histogram.counts[kBounds] += 1;
  histogram.sum_s += seconds;
}

}  // namespace zswarm::node
