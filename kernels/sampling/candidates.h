// The tokens that are still in the draw, and the filters that thin them out. Internal to kernels/sampling.
//
// Pure functions, any thread. Sums run over the candidates in their order, one after the other, in double;
// all orders are total (ties go to the smaller id), so nothing depends on how a library sorts.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "kernels/sampling/sampler.h"

namespace zswarm::sampling {

struct Entry {
  TokenId token;
  float x;       // logit over temperature, minus the largest: at most 0
  float weight;  // exp(x)
};

/// The `count` largest of `logits` (or all, if there are fewer), most likely first; those that are minus
/// infinity are left out. No logit may be NaN. `x` is the logit, the weight is not set. For small counts.
[[nodiscard]] std::vector<Entry> largest(std::span<const float> logits, std::size_t count);

/// The same entries for any count, in a fixed order that is not stated.
[[nodiscard]] std::vector<Entry> keep_top(std::span<const float> logits, std::size_t count);

/// Sum of the weights.
[[nodiscard]] double total_weight(std::span<const Entry> entries);

// Each takes at least one entry, of weights in (0, 1], and leaves at least one. The order stays.

/// Locally typical sampling (Meister et al. 2022): the tokens whose information is closest to the entropy, up
/// to `mass` of the total.
void keep_typical(std::vector<Entry>& entries, float mass);
/// Nucleus (Holtzman et al. 2020): the most likely tokens up to `mass` of `total`, which may count weights of
/// entries that were left out because they are below all of these.
void keep_nucleus(std::vector<Entry>& entries, float mass, double total);
/// Tokens with at least `share` of the largest weight.
void keep_above(std::vector<Entry>& entries, float share);

}  // namespace zswarm::sampling
