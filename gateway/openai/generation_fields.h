// The fields that chat and text completions share: sampling, lengths, stop strings, streaming, and what is
// not offered.
//
// Pure functions, any thread. Ranges are OpenAI's; extensions are named as llama-server and vLLM name them
// (top_k, min_p, typical_p, repetition_penalty or repeat_penalty, repeat_last_n, ignore_eos).
// gateway/README.md tells what becomes of fields that are not read here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gateway/json/fields.h"
#include "gateway/limits.h"
#include "node/client.h"

namespace zswarm::gateway {

struct GenerationFields {
  std::string model;                  // empty: the default model
  sampling::Params sampling;          // its seed is not set: see `seed`; top_logprobs is set by the caller
  std::optional<std::uint64_t> seed;  // absent: one is drawn
  std::optional<std::uint32_t> max_tokens;
  std::vector<std::string> stop;
  std::uint32_t choices = 1;  // n
  bool stream = false;
  bool include_usage = false;
  bool ignore_eos = false;
};

/// Reads all but the fields named max_*. Refusals are kept in `fields`.
void read_generation_fields(Fields& fields, const Limits& limits, GenerationFields& out);

/// Refuses fields that would change the answer and that this server does not offer, unless their value asks
/// for nothing.
void refuse_unsupported(Fields& fields);

/// Biased ids must exist in the vocabulary, and `prompts` x n answers must not be too many.
[[nodiscard]] tl::expected<void, ApiError> check_against_model(const GenerationFields& fields,
                                                               const node::ModelCard& card,
                                                               std::size_t prompts, const Limits& limits);

/// 400: more logprobs than Limits::logprob_entries would have to be held at once.
[[nodiscard]] ApiError too_many_logprobs();

/// A request for answer number `index` (over prompts x n) of an HTTP request. Answer 0 uses `seed` itself.
[[nodiscard]] node::GenerateRequest generate_request(const GenerationFields& fields,
                                                     const node::ModelCard& card, std::uint64_t seed,
                                                     std::uint64_t index);

/// The seed of answer `index`: a fixed function, so that n answers differ from each other and are the same
/// each time.
[[nodiscard]] std::uint64_t answer_seed(std::uint64_t seed, std::uint64_t index);

}  // namespace zswarm::gateway
