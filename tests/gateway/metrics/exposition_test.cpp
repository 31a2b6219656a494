#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "gateway/metrics/http_metrics.h"

namespace zswarm::gateway {
namespace {

using testing::HasSubstr;

std::string sample() {
  HttpMetrics http;
  http.count("/v1/models", "GET", 200, 0.02, 100);
  http.count("/v1/models", "GET", 200, 500, 100);
  http.count("other", "BREW", 404, 0.02, 10);
  node::ModelStats model;
  model.id = "a \"quoted\"\nname";
  model.requests = 3;
  model.kv_pages = 4;
  model.kv_pages_used = 1;
  for (auto& count : model.time_to_first_token.counts) count = 3;
  model.time_to_first_token.sum_s = 1.5;
  return exposition(http, {model}, node::Readiness::kReady);
}

TEST(Exposition, PrintsCountersGaugesAndHistograms) {
  const std::string text = sample();
  EXPECT_THAT(text, HasSubstr("zswarm_ready 1\n"));
  EXPECT_THAT(text, HasSubstr(R"(zswarm_requests_total{model="a \"quoted\"\nname"} 3)"));
  EXPECT_THAT(text, HasSubstr("zswarm_kv_used_ratio"));
  EXPECT_THAT(text,
              HasSubstr(R"(zswarm_http_request_duration_seconds_bucket{route="/v1/models",le="0.025"} 1)"));
  EXPECT_THAT(text,
              HasSubstr(R"(zswarm_http_request_duration_seconds_bucket{route="/v1/models",le="+Inf"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(zswarm_http_request_duration_seconds_count{route="/v1/models"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(method="other")"));
}

// What promtool checks: help and type once per family, counters end in _total, nothing else does.
TEST(Exposition, FollowsTheRulesForNames) {
  std::istringstream lines(sample());
  std::set<std::string> families;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("# TYPE ")) continue;
    std::istringstream words(line.substr(7));
    std::string name, type;
    words >> name >> type;
    EXPECT_TRUE(families.insert(name).second) << name;
    EXPECT_EQ(name.ends_with("_total"), type == "counter") << line;
    EXPECT_THAT(name, testing::MatchesRegex("zswarm_[a-z_]+"));
    EXPECT_TRUE(type != "histogram" || name.ends_with("_seconds")) << line;
  }
  EXPECT_GT(families.size(), 15u);
}

}  // namespace
}  // namespace zswarm::gateway
