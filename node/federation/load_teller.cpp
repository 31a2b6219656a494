#include "node/federation/load_teller.h"

#include <algorithm>

namespace zswarm::node {

ModelLoad LoadTeller::load_of(const ModelHash& model, const ModelStats& stats) {
  ModelLoad load;
  load.model = model_key(model);
  load.running = stats.running;
  load.waiting = stats.waiting;
  load.places = stats.places;
  load.prefill_tps = stats.prefill_tokens_s;
  load.free_pages = stats.kv_pages - std::min(stats.kv_pages, stats.kv_pages_used);
  Seen& seen = seen_[stats.id];
  const ModelStats::Histogram& gaps = stats.time_per_token;
  const std::uint64_t tokens = gaps.counts[std::size(ModelStats::kBounds_s)];
  if (tokens > seen.tokens && gaps.sum_s > seen.sum_s)
    seen.decode_tps = static_cast<double>(tokens - seen.tokens) / (gaps.sum_s - seen.sum_s);
  seen.tokens = tokens;
  seen.sum_s = gaps.sum_s;
  load.decode_tps = seen.decode_tps;
  return load;
}

void LoadTeller::turn(bus::Core& core, const bus::Now& now, const Client& local,
                      const std::vector<ServedModel>& served) {
  if (now.steady < due_) return;
  due_ = now.steady + kEvery;
  Hint hint;
  hint.draining = local.readiness() != Readiness::kReady;
  const auto stats = local.stats();
  for (std::size_t i = 0; i < std::min(stats.size(), served.size()); ++i)
    hint.models.push_back(load_of(served[i].hash, stats[i]));
  bus::Bytes bytes = write_hint(hint);
  hint_ = std::move(hint);
  if (bytes == told_) return;
  // A queue of news that is full now has room at the next change.
  if (core.hint(now, bytes)) told_ = std::move(bytes);
}

}  // namespace zswarm::node
