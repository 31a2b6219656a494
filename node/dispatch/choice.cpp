#include "node/dispatch/choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace zswarm::node {

namespace {

constexpr std::array<std::pair<std::string_view, Strategy>, 6> kStrategies{{
    {"auto", Strategy::kAuto},
    {"round-robin", Strategy::kRoundRobin},
    {"weighted", Strategy::kWeighted},
    {"least-connections", Strategy::kLeastConnections},
    {"least-latency", Strategy::kLeastLatency},
    {"resources", Strategy::kResources},
}};

// While nobody has told a figure.
constexpr double kPrefillTps = 500, kDecodeTps = 20, kPlaces = 16;
// A step of decoding takes as long as reading the weights, and this part of it more for each sequence.
constexpr double kSequenceShare = 1.0 / 16;
// Estimates this close are as good as equal.
constexpr double kTolerance = 0.1, kToleranceS = 0.005;

double or_else(double value, double other) {
  return value > 0 ? value : other;
}

bool is_full(const LoadNow& load) {
  // A short queue at the node keeps it busy while news travel; the long one is here, where it is shared
  // fairly.
  return load.running + load.waiting >= load.places + std::max(1.0, load.places / 4);
}

using Indexes = std::vector<std::size_t>;

template <class Value>
std::size_t least(const Indexes& among, Value value) {
  return *std::min_element(among.begin(), among.end(),
                           [&](std::size_t a, std::size_t b) { return value(a) < value(b); });
}

std::size_t by_turn(const Indexes& among, std::span<const Candidate> candidates, RoundRobin& turn) {
  // The next id after the last one, or the first of all.
  const auto key = [&](std::size_t i) { return std::pair(candidates[i].id <= turn.last, candidates[i].id); };
  const std::size_t next = least(among, key);
  turn.last = candidates[next].id;
  return next;
}

std::size_t by_weight(const Indexes& among, std::span<const Candidate> candidates, bus::Random& random) {
  double sum = 0;
  for (const std::size_t i : among) sum += candidates[i].weight;
  double left = random.real() * sum;
  for (const std::size_t i : among)
    if ((left -= candidates[i].weight) < 0) return i;
  return among.back();
}

std::size_t by_estimate(const Indexes& among, std::span<const Candidate> candidates,
                        const std::vector<Estimate>& estimates, bus::Random& random) {
  const auto total = [&](std::size_t i) { return estimates[i].total_s(); };
  const double best = total(least(among, total));
  Indexes close;
  for (const std::size_t i : among)
    if (total(i) <= best * (1 + kTolerance) + kToleranceS) close.push_back(i);
  const std::size_t first = random.below(close.size());
  if (close.size() == 1) return close[first];
  std::size_t second = random.below(close.size() - 1);
  if (second >= first) ++second;
  const std::size_t a = close[first], b = close[second];
  return candidates[a].own_open <= candidates[b].own_open ? a : b;
}

double told_load(const Candidate& candidate, const LoadNow& average) {
  const LoadNow& load = candidate.load ? *candidate.load : average;
  return std::max(load.cores_load, (load.running + load.waiting) / std::max(load.places, 1.0));
}

}  // namespace

Result<Strategy> strategy_of(std::string_view name) {
  for (const auto& [text, strategy] : kStrategies)
    if (text == name) return strategy;
  std::string list;
  for (const auto& entry : kStrategies) list += fmt::format("{}{}", list.empty() ? "" : ", ", entry.first);
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("there is no strategy '{}': use one of {}", printable(name), list), "strategy");
}

std::string_view strategy_name(Strategy strategy) {
  return kStrategies[static_cast<std::size_t>(strategy)].first;
}

LoadNow average_load(std::span<const Candidate> candidates) {
  LoadNow sum;
  sum.places = 0;
  double count = 0, prefills = 0, decodes = 0, services = 0;
  for (const Candidate& candidate : candidates) {
    if (!candidate.load) continue;
    const LoadNow& load = *candidate.load;
    count += 1;
    sum.running += load.running;
    sum.waiting += load.waiting;
    sum.places += load.places;
    sum.waiting_tokens += load.waiting_tokens;
    sum.cores_load += load.cores_load;
    sum.prefill_tps += load.prefill_tps, prefills += load.prefill_tps > 0;
    sum.decode_tps += load.decode_tps, decodes += load.decode_tps > 0;
    sum.service_s += load.service_s, services += load.service_s > 0;
  }
  if (count == 0) return {0, 0, kPlaces, 0, kPrefillTps, kDecodeTps, 0, 0};
  return {sum.running / count,
          sum.waiting / count,
          sum.places / count,
          sum.waiting_tokens / count,
          prefills > 0 ? sum.prefill_tps / prefills : kPrefillTps,
          decodes > 0 ? sum.decode_tps / decodes : kDecodeTps,
          services > 0 ? sum.service_s / services : 0,
          sum.cores_load / count};
}

Estimate estimate(const Ask& ask, const Candidate& candidate, const LoadNow& average) {
  const LoadNow& load = candidate.load ? *candidate.load : average;
  const double prefill_tps = or_else(load.prefill_tps, average.prefill_tps);
  // One more sequence makes each a little slower.
  const double fixed = 1 - kSequenceShare;
  const double slower =
      (fixed + kSequenceShare * (load.running + 1)) / (fixed + kSequenceShare * std::max(load.running, 1.0));
  Estimate estimate;
  estimate.gap_s = slower / or_else(load.decode_tps, average.decode_tps);
  const double to_prefill = std::max(1.0, ask.prompt_tokens - candidate.cached_tokens);
  const double own_service = to_prefill / prefill_tps + ask.answer_tokens * estimate.gap_s;
  const double service_s = or_else(or_else(load.service_s, average.service_s), own_service);
  const double places = std::max(load.places, 1.0);
  const double ahead = load.running + load.waiting - places;  // of those that must end before we are let in
  const double queue_s =
      (ahead >= 0 ? (ahead + 1) * service_s / places : 0) + load.waiting_tokens / prefill_tps;
  estimate.link_s = candidate.rtt_s;
  estimate.queue_s = queue_s * candidate.lateness;
  estimate.prefill_s = to_prefill / prefill_tps * candidate.lateness;
  estimate.decode_s = ask.answer_tokens * estimate.gap_s * candidate.lateness;
  // Without a hint only what we have sent there ourselves says how full it is.
  estimate.full = candidate.load ? is_full(load) : candidate.own_open >= 2 * places;
  return estimate;
}

std::optional<Chosen> choose(Strategy strategy, const Ask& ask, std::span<const Candidate> candidates,
                             RoundRobin& turn, bus::Random& random, std::vector<Estimate>& estimates) {
  const LoadNow average = average_load(candidates);
  estimates.clear();
  Indexes regular, standby;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    estimates.push_back(estimate(ask, candidates[i], average));
    if (!estimates[i].full) (candidates[i].standby ? standby : regular).push_back(i);
  }
  const Indexes& among = regular.empty() ? standby : regular;
  if (among.empty()) return std::nullopt;
  double known = 0, first_tokens = 0;  // for those whose latency has not been seen
  for (const std::size_t i : among)
    if (candidates[i].first_token_s > 0) known += 1, first_tokens += candidates[i].first_token_s;
  const auto latency = [&](std::size_t i) {
    return candidates[i].rtt_s + or_else(candidates[i].first_token_s, known > 0 ? first_tokens / known : 0);
  };
  std::size_t index = 0;
  switch (strategy) {
    case Strategy::kRoundRobin:
      index = by_turn(among, candidates, turn);
      break;
    case Strategy::kWeighted:
      index = by_weight(among, candidates, random);
      break;
    case Strategy::kLeastConnections:
      index = least(among, [&](std::size_t i) { return std::pair(candidates[i].own_open, latency(i)); });
      break;
    case Strategy::kLeastLatency:
      index =
          least(among, [&](std::size_t i) { return std::pair(latency(i), double(candidates[i].own_open)); });
      break;
    case Strategy::kResources:
      index = least(among, [&](std::size_t i) {
        return std::pair(told_load(candidates[i], average), double(candidates[i].own_open));
      });
      break;
    case Strategy::kAuto:
      index = by_estimate(among, candidates, estimates, random);
      break;
  }
  return Chosen{index, estimates[index]};
}

}  // namespace zswarm::node
