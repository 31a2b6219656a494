// Chooses the next token from a row of logits.
//
// The order of steps: logit bias, repetition / frequency / presence penalties, temperature, top-k, typical,
// top-p, min-p, draw. Each filter sees what the one before it has left, renormalised, and leaves at least one
// token. Everything is a pure function of (logits, params, history): sums run in one fixed order, exp and log
// are ours (kernels/ops/vmath.h), and the draw comes from a counter-based generator (Philox 4x32-10, Salmon
// et al., SC 2011) keyed by the seed and counted by the position. So the same request gives the same tokens
// on any node, also when it is taken up in the middle.
//
// Any thread; no state. temperature 0 takes the largest logit (of equal ones the smallest id).
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "kernels/base/error.h"

namespace zswarm::sampling {

using TokenId = std::int32_t;

struct Params {
  float temperature = 1.0f;  // 0 to 2; 0: the largest logit
  std::int32_t top_k = 0;    // 0: off
  float top_p = 1.0f;        // 0 to 1; 1: off; 0: the most likely token (Holtzman et al. 2020)
  float min_p = 0.0f;        // 0 to 1; 0: off; share of the largest probability (Nguyen et al. 2024)
  float typical_p = 1.0f;    // above 0, to 1; 1: off (Meister et al. 2022)
  // Divides positive and multiplies negative logits of tokens seen (Keskar et al. 2019). Above 0, to 100; 1:
  // off. It looks back at penalty_window tokens of prompt and answer; -1: at all.
  float repetition_penalty = 1.0f;
  std::int32_t penalty_window = 64;
  float frequency_penalty = 0.0f;  // -2 to 2, subtracted per occurrence in the answer so far (OpenAI)
  float presence_penalty = 0.0f;   // -2 to 2, subtracted once if it occurs in the answer so far
  std::vector<std::pair<TokenId, float>> logit_bias;  // ids unique, within the vocabulary; -100 to 100
  std::uint64_t seed = 0;
  std::int32_t top_logprobs = -1;  // -1: no logprobs; 0 to 20: the chosen token's, and so many alternatives
};

inline constexpr float kLogprobMin = -9999.0f;  // stands for minus infinity, which JSON cannot say (OpenAI)

struct Candidate {
  TokenId token;
  // Natural logarithm of the probability in the model's own distribution: the one before bias, penalties,
  // temperature and filters. At least kLogprobMin.
  float logprob;
};

struct Sampled {
  TokenId token = 0;
  float logprob = 0;           // only if top_logprobs >= 0
  std::vector<Candidate> top;  // most likely first; ties by smaller id; tokens of probability 0 are left out
};

/// Checks ranges against the vocabulary; error.param names the field.
[[nodiscard]] Status validate(const Params& params, std::int32_t vocab_size);

/// Chooses a token. `logits`, one per token of the vocabulary, is scratch: it is overwritten. `history` holds
/// all tokens before this position (ids within the vocabulary), of which the last `generated` ones are the
/// answer's; the position is history.size(). A logit that is NaN counts as minus infinity, plus infinity as
/// the largest float; if all are minus infinity, token 0. `params` must be valid.
[[nodiscard]] Sampled sample(std::span<float> logits, const Params& params, std::span<const TokenId> history,
                             std::size_t generated);

/// Log-probability of `token` under `logits` and the `top` (0 to 20) most likely tokens: for echo and prompt
/// scoring.
[[nodiscard]] Sampled score(std::span<const float> logits, TokenId token, std::int32_t top);

/// Four 32-bit words of Philox 4x32-10. Counter and key are given in their low and high halves. Exposed for
/// its test vectors.
struct PhiloxWords {
  std::uint32_t w[4];
};
[[nodiscard]] PhiloxWords philox(std::uint64_t counter_lo, std::uint64_t counter_hi, std::uint64_t key);

}  // namespace zswarm::sampling
