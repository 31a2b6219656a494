#include <fmt/format.h>

#include <algorithm>

#include "kernels/sampling/sampler.h"

namespace zswarm::sampling {
namespace {

constexpr float kRepetitionPenaltyMax = 100.0f;
constexpr float kBiasMax = 100.0f;
constexpr std::int32_t kTopLogprobsMax = 20;

/// An error if value is outside of [min, max] or NaN.
template <class T>
Status within(T value, T min, T max, const char* name) {
  if (value >= min && value <= max) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("'{}' is {}; it must be from {} to {}.", name, value, min, max), name);
}

Status above_zero(float value, float max, const char* name) {
  if (value > 0 && value <= max) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("'{}' is {}; it must be above 0 and at most {}.", name, value, max), name);
}

Status check_bias(const Params& params, std::int32_t vocab_size) {
  std::vector<TokenId> ids;
  for (const auto& [token, bias] : params.logit_bias) {
    if (token < 0 || token >= vocab_size) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("'logit_bias' names token {}; the vocabulary has ids from 0 to {}.", token,
                              vocab_size - 1),
                  "logit_bias");
    }
    if (!(bias >= -kBiasMax && bias <= kBiasMax)) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("'logit_bias' of token {} is {}; it must be from -100 to 100.", token, bias),
                  "logit_bias");
    }
    ids.push_back(token);
  }
  std::sort(ids.begin(), ids.end());
  const auto twice = std::adjacent_find(ids.begin(), ids.end());
  if (twice == ids.end()) return {};
  return fail(ErrorCode::kInvalidArgument, fmt::format("'logit_bias' names token {} twice.", *twice),
              "logit_bias");
}

}  // namespace

Status validate(const Params& params, std::int32_t vocab_size) {
  constexpr std::int32_t kInt32Max = 0x7fffffff;
  for (const Status& status : {
           within(params.temperature, 0.0f, 2.0f, "temperature"),
           within(params.top_k, 0, kInt32Max, "top_k"),
           within(params.top_p, 0.0f, 1.0f, "top_p"),
           within(params.min_p, 0.0f, 1.0f, "min_p"),
           above_zero(params.typical_p, 1.0f, "typical_p"),
           above_zero(params.repetition_penalty, kRepetitionPenaltyMax, "repetition_penalty"),
           within(params.frequency_penalty, -2.0f, 2.0f, "frequency_penalty"),
           within(params.presence_penalty, -2.0f, 2.0f, "presence_penalty"),
           within(params.penalty_window, -1, kInt32Max, "penalty_window"),
           within(params.top_logprobs, -1, kTopLogprobsMax, "top_logprobs"),
       }) {
    if (!status) return status;
  }
  return check_bias(params, vocab_size);
}

}  // namespace zswarm::sampling
