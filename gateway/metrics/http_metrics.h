// What the gateway counts about HTTP itself, and how /metrics prints it together with the node's figures.
//
// Loop thread only. Text in the Prometheus exposition format, version 0.0.4, through prometheus-cpp's
// serializer.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "node/client.h"

namespace zswarm::gateway {

class HttpMetrics {
 public:
  static constexpr std::array<double, 12> kBounds_s = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                       0.5,   1,    2.5,   10,   30,  120};

  /// `route` is a pattern of the routing table ("/v1/models/{id}") or "other", so that strangers cannot make
  /// labels.
  void count(std::string_view route, std::string_view method, int status, double seconds,
             std::uint64_t bytes);

  std::uint64_t connections = 0;  // open now
  std::uint64_t connections_total = 0;
  std::uint64_t connections_refused = 0;
  std::uint64_t clients_gone = 0;  // left before their answer was complete

  struct Key {
    std::string route, method;
    int status = 0;
    auto operator<=>(const Key&) const = default;
  };
  struct Duration {
    std::array<std::uint64_t, kBounds_s.size() + 1>
        counts{};  // not cumulative; the last is beyond all bounds
    double sum_s = 0;
  };
  [[nodiscard]] const std::map<Key, std::uint64_t>& requests() const { return requests_; }
  [[nodiscard]] const std::map<std::string, Duration>& durations() const { return durations_; }
  [[nodiscard]] std::uint64_t bytes_sent() const { return bytes_sent_; }

 private:
  std::map<Key, std::uint64_t> requests_;
  std::map<std::string, Duration> durations_;
  std::uint64_t bytes_sent_ = 0;
};

[[nodiscard]] std::string exposition(const HttpMetrics& http, const std::vector<node::ModelStats>& models,
                                     node::Readiness readiness);

}  // namespace zswarm::gateway
