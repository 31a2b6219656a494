#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>

#include "gateway/metrics/http_metrics.h"

namespace zswarm::gateway {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

class Families {
 public:
  void counter(const std::string& name, const std::string& help, Labels labels, std::uint64_t value) {
    ClientMetric metric = labelled(std::move(labels));
    metric.counter.value = static_cast<double>(value);
    family(name, help, MetricType::Counter).metric.push_back(std::move(metric));
  }
  void gauge(const std::string& name, const std::string& help, Labels labels, double value) {
    ClientMetric metric = labelled(std::move(labels));
    metric.gauge.value = value;
    family(name, help, MetricType::Gauge).metric.push_back(std::move(metric));
  }
  /// `cumulative[i]` observations were <= bounds[i]; the last entry counts all.
  template <class Counts, class Bounds>
  void histogram(const std::string& name, const std::string& help, Labels labels, const Counts& cumulative,
                 const Bounds& bounds, double sum) {
    ClientMetric metric = labelled(std::move(labels));
    const std::size_t count = std::size(bounds);
    for (std::size_t i = 0; i <= count; ++i) {
      const double bound = i < count ? bounds[i] : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({cumulative[i], bound});
    }
    metric.histogram.sample_count = cumulative[count];
    metric.histogram.sample_sum = sum;
    family(name, help, MetricType::Histogram).metric.push_back(std::move(metric));
  }
  [[nodiscard]] const std::vector<MetricFamily>& all() const { return families_; }

 private:
  static ClientMetric labelled(Labels labels) {
    ClientMetric metric;
    metric.label = std::move(labels);
    return metric;
  }
  MetricFamily& family(const std::string& name, const std::string& help, MetricType type) {
    for (auto& family : families_) {
      if (family.name == name) return family;
    }
    MetricFamily family;
    family.name = name;
    family.help = help;
    family.type = type;
    families_.push_back(std::move(family));
    return families_.back();
  }
  std::vector<MetricFamily> families_;
};

void add_model(Families& out, const node::ModelStats& model) {
  const Labels labels = {{"model", model.id}};
  const auto outcome = [&](const char* name, std::uint64_t value) {
    out.counter("zswarm_requests_ended_total", "Generations that ended without an answer, by reason.",
                {{"model", model.id}, {"reason", name}}, value);
  };
  out.counter("zswarm_requests_total", "Generations accepted.", labels, model.requests);
  outcome("failed", model.requests_failed);
  outcome("cancelled", model.requests_cancelled);
  outcome("refused", model.requests_refused);
  out.counter("zswarm_preemptions_total", "Generations put aside because the KV cache was full.", labels,
              model.preemptions);
  out.counter("zswarm_prompt_tokens_total", "Tokens of prompts.", labels, model.prompt_tokens);
  out.counter("zswarm_cached_tokens_total", "Tokens of prompts that were found in the prefix cache.", labels,
              model.cached_tokens);
  out.counter("zswarm_generated_tokens_total", "Tokens generated.", labels, model.generated_tokens);
  out.gauge("zswarm_requests_running", "Generations in progress.", labels, model.running);
  out.gauge("zswarm_requests_waiting", "Generations in the queue.", labels, model.waiting);
  out.gauge("zswarm_kv_pages_used", "Pages of the KV cache in use.", labels, model.kv_pages_used);
  out.gauge("zswarm_kv_pages", "Pages of the KV cache in all.", labels, model.kv_pages);
  const double used = model.kv_pages ? static_cast<double>(model.kv_pages_used) / model.kv_pages : 0;
  out.gauge("zswarm_kv_used_ratio", "Share of the KV cache in use, 0 to 1.", labels, used);
  const auto histogram = [&](const char* name, const char* help, const node::ModelStats::Histogram& h) {
    out.histogram(name, help, labels, h.counts, node::ModelStats::kBounds_s, h.sum_s);
  };
  histogram("zswarm_time_to_first_token_seconds", "From a request's arrival to its first token.",
            model.time_to_first_token);
  histogram("zswarm_time_per_token_seconds", "Between one token and the next of an answer.",
            model.time_per_token);
  histogram("zswarm_queue_time_seconds", "Time that a request waited before its prompt was read.",
            model.queue_time);
}

void add_http(Families& out, const HttpMetrics& http) {
  for (const auto& [key, value] : http.requests()) {
    out.counter("zswarm_http_requests_total", "HTTP requests answered.",
                {{"route", key.route}, {"method", key.method}, {"status", std::to_string(key.status)}},
                value);
  }
  for (const auto& [route, duration] : http.durations()) {
    auto cumulative = duration.counts;
    for (std::size_t i = 1; i < cumulative.size(); ++i) cumulative[i] += cumulative[i - 1];
    out.histogram("zswarm_http_request_duration_seconds", "From a request's first byte to its answer's last.",
                  {{"route", route}}, cumulative, HttpMetrics::kBounds_s, duration.sum_s);
  }
  out.counter("zswarm_http_sent_bytes_total", "Bytes of answers.", {}, http.bytes_sent());
  out.gauge("zswarm_http_connections", "Connections open.", {}, static_cast<double>(http.connections));
  out.counter("zswarm_http_connections_total", "Connections accepted.", {}, http.connections_total);
  out.counter("zswarm_http_connections_refused_total", "Connections turned away because too many were open.",
              {}, http.connections_refused);
  out.counter("zswarm_http_clients_gone_total", "Clients that left before their answer was complete.", {},
              http.clients_gone);
}

}  // namespace

std::string exposition(const HttpMetrics& http, const std::vector<node::ModelStats>& models,
                       node::Readiness readiness) {
  Families families;
  families.gauge("zswarm_ready", "1 once a real token was generated, else 0.", {},
                 readiness == node::Readiness::kReady ? 1 : 0);
  for (const auto& model : models) add_model(families, model);
  add_http(families, http);
  return prometheus::TextSerializer().Serialize(families.all());
}

}  // namespace zswarm::gateway
