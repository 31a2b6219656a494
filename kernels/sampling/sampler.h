// Chooses the next token from a row of logits.
//
// The order of steps: logit bias, repetition / frequency / presence penalties, temperature, top-k, typical, top-p, min-p, draw.
// Everything is a pure function of (logits, params, history, position): sums run in one fixed order, exp and log are ours
// (kernels/ops/vmath.h), and the draw comes from a counter-based generator (Philox 4x32-10, Salmon et al., SC 2011) keyed by
// (seed, position). So the same request gives the same tokens on any node, also when it is taken up in the middle.
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
  float temperature = 1.0f;         // 0 .. 2 (0: greedy)
  std::int32_t top_k = 0;           // 0: off
  float top_p = 1.0f;               // (0, 1]; 1: off
  float min_p = 0.0f;               // [0, 1); 0: off
  float typical_p = 1.0f;           // (0, 1]; 1: off (Meister et al. 2022)
  float repetition_penalty = 1.0f;  // > 0; 1: off (Keskar et al. 2019); divides positive, multiplies negative logits
  float frequency_penalty = 0.0f;   // -2 .. 2, per occurrence in the generated text (OpenAI)
  float presence_penalty = 0.0f;    // -2 .. 2, once if it occurs in the generated text
  std::int32_t penalty_window = 64; // tokens (prompt and answer) that repetition_penalty looks back at; -1: all
  std::vector<std::pair<TokenId, float>> logit_bias;  // ids unique, within the vocabulary
  std::uint64_t seed = 0;
  std::int32_t top_logprobs = -1;   // -1: no logprobs; 0..20: the chosen token's, and so many alternatives
};

struct Candidate {
  TokenId token;
  float logprob;  // natural logarithm, of the model's own distribution (after bias and penalties no longer "own": taken before them)
};

struct Sampled {
  TokenId token = 0;
  float logprob = 0;           // only if top_logprobs >= 0
  std::vector<Candidate> top;  // most likely first; ties by smaller id
};

/// Checks ranges against the vocabulary; error.param names the field.
[[nodiscard]] Status validate(const Params& params, std::int32_t vocab_size);

/// Chooses a token. `logits` is scratch: it is overwritten. `history` holds all tokens before this position, of which the
/// last `generated` ones are the answer's. `position` is the index of the token that is being chosen (history.size()).
/// Logits that are NaN count as minus infinity; if nothing finite is left, token 0.
[[nodiscard]] Sampled sample(std::span<float> logits, const Params& params, std::span<const TokenId> history,
                             std::size_t generated);

/// Log-probability of `token` under `logits` and the `top` best alternatives: for echo and prompt scoring.
[[nodiscard]] Sampled score(std::span<const float> logits, TokenId token, std::int32_t top);

/// Four 32-bit words of Philox 4x32-10. Exposed for its test vectors.
struct PhiloxWords { std::uint32_t w[4]; };
[[nodiscard]] PhiloxWords philox(std::uint64_t counter_lo, std::uint64_t counter_hi, std::uint64_t key);

}  // namespace zswarm::sampling
