#include "gateway/metrics/http_metrics.h"

#include <algorithm>

namespace zswarm::gateway {

void HttpMetrics::count(std::string_view route, std::string_view method, int status, double seconds,
                        std::uint64_t bytes) {
  static constexpr std::string_view kMethods[] = {"GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"};
  const bool known = std::find(std::begin(kMethods), std::end(kMethods), method) != std::end(kMethods);
  ++requests_[{std::string(route), std::string(known ? method : "other"), status}];
  Duration& duration = durations_[std::string(route)];
  const auto bucket = std::lower_bound(kBounds_s.begin(), kBounds_s.end(), seconds) - kBounds_s.begin();
  ++duration.counts[static_cast<std::size_t>(bucket)];
  duration.sum_s += seconds;
  bytes_sent_ += bytes;
}

}  // namespace zswarm::gateway
