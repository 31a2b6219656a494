#include "kernels/sampling/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/ops/vmath.h"
#include "kernels/sampling/candidates.h"

namespace zswarm::sampling {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();
constexpr std::size_t kBlock = 256;  // logits that are summed together; part of the definition of a sum

/// NaN becomes minus infinity, plus infinity the largest float.
float clean(float logit) {
  const float capped = logit > kLargest ? kLargest : logit;
  return capped >= -kLargest ? capped : -kInfinity;
}

float larger(float a, float b) {
  return a > b ? a : b;
}

/// Minus infinity if there are none. In eight lanes, so that no maximum waits for the one before it; the
/// result is the same.
float largest_of(std::span<const float> logits) {
  std::array<float, 8> tops;
  tops.fill(-kInfinity);
  std::size_t i = 0;
  for (; i + tops.size() <= logits.size(); i += tops.size()) {
    for (std::size_t lane = 0; lane < tops.size(); ++lane) tops[lane] = larger(logits[i + lane], tops[lane]);
  }
  for (; i < logits.size(); ++i) tops[0] = larger(logits[i], tops[0]);
  for (const float top : tops) tops[0] = larger(top, tops[0]);
  return tops[0];
}

/// Sum of up to kBlock weights: four interleaved sums, then those in pairs.
double block_sum(std::span<const float> weights) {
  std::array<double, 4> sums{};
  std::size_t i = 0;
  for (; i + 4 <= weights.size(); i += 4) {
    for (std::size_t lane = 0; lane < 4; ++lane) sums[lane] += weights[i + lane];
  }
  for (; i < weights.size(); ++i) sums[i % 4] += weights[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

std::span<const float> block_of(std::span<const float> values, std::size_t begin) {
  return values.subspan(begin, std::min(kBlock, values.size() - begin));
}

double sum_of(std::span<const float> weights) {
  double sum = 0;
  for (std::size_t begin = 0; begin < weights.size(); begin += kBlock)
    sum += block_sum(block_of(weights, begin));
  return sum;
}

/// The model's own distribution: what logprobs refer to.
class Distribution {
 public:
  /// `logits` are clean.
  explicit Distribution(std::span<const float> logits) : top_(largest_of(logits)) {
    if (top_ == -kInfinity) return;
    double sum = 0;
    std::array<float, kBlock> weights;
    for (std::size_t begin = 0; begin < logits.size(); begin += kBlock) {
      const auto block = block_of(logits, begin);
      for (std::size_t i = 0; i < block.size(); ++i) weights[i] = block[i] - top_;
      vmath::exp({weights.data(), block.size()});
      sum += block_sum({weights.data(), block.size()});
    }
    log_sum_ = vmath::log(sum);
  }

  [[nodiscard]] float logprob(float logit) const {
    if (logit == -kInfinity) return kLogprobMin;
    return std::max(kLogprobMin, static_cast<float>((static_cast<double>(logit) - top_) - log_sum_));
  }

 private:
  float top_;
  double log_sum_ = 0;
};

void apply_repetition(std::span<float> logits, const Params& params, std::span<const TokenId> history) {
  if (params.repetition_penalty == 1.0f) return;
  if (params.penalty_window >= 0) {
    history = history.last(std::min(history.size(), static_cast<std::size_t>(params.penalty_window)));
  }
  std::vector<bool> seen(logits.size());
  for (const TokenId token : history) {
    const auto index = static_cast<std::size_t>(token);
    ZS_ASSERT(index < logits.size());
    if (seen[index]) continue;
    seen[index] = true;
    float& logit = logits[index];
    logit = clean(logit > 0 ? logit / params.repetition_penalty : logit * params.repetition_penalty);
  }
}

void apply_frequency(std::span<float> logits, const Params& params, std::span<const TokenId> answer) {
  if (params.frequency_penalty == 0.0f && params.presence_penalty == 0.0f) return;
  std::vector<std::uint32_t> counts(logits.size());
  for (const TokenId token : answer) {
    ZS_ASSERT(static_cast<std::size_t>(token) < logits.size());
    ++counts[static_cast<std::size_t>(token)];
  }
  for (const TokenId token : answer) {
    std::uint32_t& count = counts[static_cast<std::size_t>(token)];
    if (count == 0) continue;  // done when it was met first
    float& logit = logits[static_cast<std::size_t>(token)];
    logit = clean(logit - (static_cast<float>(count) * params.frequency_penalty + params.presence_penalty));
    count = 0;
  }
}

/// Uniform in [0, 1), 53 bits.
double uniform(std::uint64_t seed, std::uint64_t position) {
  const PhiloxWords words = philox(position, 0, seed);
  const std::uint64_t bits = (std::uint64_t{words.w[0]} << 32 | words.w[1]) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

/// Draws from all weights, most of which are not looked at.
TokenId draw(std::span<const float> weights, double u) {
  const double target = u * sum_of(weights);
  double before = 0;
  std::size_t last = 0;  // last token with any weight, in case rounding leaves nothing above the target
  for (std::size_t begin = 0; begin < weights.size(); begin += kBlock) {
    const auto block = block_of(weights, begin);
    const double after = before + block_sum(block);
    if (after > target) {
      double sum = before;
      for (std::size_t i = 0; i < block.size(); ++i) {
        if (block[i] > 0) last = begin + i;
        sum += block[i];
        if (sum > target) break;
      }
      return static_cast<TokenId>(last);
    }
    before = after;
  }
  ZS_ASSERT(false && "the last block's sum exceeds the target, as u < 1");
  return 0;
}

TokenId draw(std::span<const Entry> entries, double u) {
  const double target = u * total_weight(entries);
  double sum = 0;
  for (const Entry& entry : entries) {
    sum += entry.weight;
    if (sum > target) return entry.token;
  }
  ZS_ASSERT(false && "the sum exceeds the target, as u < 1");
  return 0;
}

/// The tokens that the filters after top-k have to look at, and the weight of all that top-k has left.
std::vector<Entry> gather(std::span<const float> x, const Params& params, double& total) {
  std::vector<Entry> entries;
  if (params.top_k > 0 && static_cast<std::size_t>(params.top_k) < x.size()) {
    entries = keep_top(x, static_cast<std::size_t>(params.top_k));
    for (Entry& entry : entries) entry.weight = vmath::exp(entry.x);
    std::erase_if(entries, [](const Entry& entry) { return entry.weight == 0; });
    total = total_weight(entries);
    return entries;
  }
  std::vector<float> weights(x.begin(), x.end());
  vmath::exp(weights);
  total = sum_of(weights);
  // Without "typical", which may prefer any token, light tokens can be set aside at once: those below min-p
  // of the largest weight, 1, and those that even together stay below half of what the nucleus leaves out.
  double least = 0;
  if (params.typical_p >= 1.0f) {
    const double outside = 1.0 - static_cast<double>(params.top_p);
    least =
        std::max(static_cast<double>(params.min_p), 0.5 * outside * total / static_cast<double>(x.size()));
    least = std::min(least, 1.0);
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (weights[i] > 0 && weights[i] >= least) entries.push_back({static_cast<TokenId>(i), x[i], weights[i]});
  }
  return entries;
}

TokenId draw_filtered(std::span<const float> x, const Params& params, double u) {
  double total = 0;
  std::vector<Entry> entries = gather(x, params, total);
  if (params.typical_p < 1.0f) {
    keep_typical(entries, params.typical_p);
    total = total_weight(entries);
  }
  if (params.top_p < 1.0f) keep_nucleus(entries, params.top_p, total);
  if (params.min_p > 0.0f) keep_above(entries, params.min_p);
  return draw(entries, u);
}

TokenId choose(std::span<float> logits, const Params& params, std::span<const TokenId> history,
               std::size_t generated) {
  ZS_ASSERT(generated <= history.size());
  for (const auto& [token, bias] : params.logit_bias) {
    float& logit = logits[static_cast<std::size_t>(token)];
    logit = clean(logit + bias);
  }
  apply_repetition(logits, params, history);
  apply_frequency(logits, params, history.last(generated));

  const float top = largest_of(logits);
  if (top == -kInfinity) return 0;
  if (params.temperature == 0.0f) {
    return static_cast<TokenId>(std::find(logits.begin(), logits.end(), top) - logits.begin());
  }
  const float temperature =
      params.temperature;  // a copy, as the loop's stores could be taken to change the original
  for (float& logit : logits) logit = (logit - top) / temperature;
  const double u = uniform(params.seed, history.size());
  const bool all =
      params.top_k <= 0 && params.typical_p >= 1.0f && params.top_p >= 1.0f && params.min_p <= 0.0f;
  if (!all) return draw_filtered(logits, params, u);
  vmath::exp(logits);
  return draw(std::span<const float>(logits), u);
}

/// `logits` are clean.
Sampled describe(std::span<const float> logits, TokenId token, std::int32_t top) {
  const Distribution distribution(logits);
  Sampled result;
  result.token = token;
  result.logprob = distribution.logprob(logits[static_cast<std::size_t>(token)]);
  for (const Entry& entry : largest(logits, static_cast<std::size_t>(std::max(top, 0)))) {
    result.top.push_back({entry.token, distribution.logprob(entry.x)});
  }
  return result;
}

}  // namespace

Sampled sample(std::span<float> logits, const Params& params, std::span<const TokenId> history,
               std::size_t generated) {
  for (float& logit : logits) logit = clean(logit);
  if (params.top_logprobs < 0) return {choose(logits, params, history, generated), 0, {}};
  const std::vector<float> own(logits.begin(), logits.end());
  const TokenId token = choose(logits, params, history, generated);
  return describe(own, token, params.top_logprobs);
}

Sampled score(std::span<const float> logits, TokenId token, std::int32_t top) {
  ZS_ASSERT(static_cast<std::size_t>(token) < logits.size());
  std::vector<float> own(logits.begin(), logits.end());
  for (float& logit : own) logit = clean(logit);
  return describe(own, token, top);
}

}  // namespace zswarm::sampling
