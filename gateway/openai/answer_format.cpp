#include "gateway/openai/answer_format.h"

#include <cmath>

namespace zswarm::gateway {

Json usage_json(const Usage& usage) {
  Json out;
  out["prompt_tokens"] = usage.prompt_tokens;
  out["completion_tokens"] = usage.completion_tokens;
  out["total_tokens"] = usage.prompt_tokens + usage.completion_tokens;
  out["prompt_tokens_details"] = {{"cached_tokens", usage.cached_tokens}};
  return out;
}

std::string_view finish_reason_name(node::FinishReason reason) {
  return reason == node::FinishReason::kStop ? "stop" : "length";
}

std::string_view system_fingerprint() {
  return "zswarm-" ZSWARM_VERSION;
}

double finite_logprob(float logprob) {
  return std::isfinite(logprob) ? static_cast<double>(logprob) : -9999.0;
}

}  // namespace zswarm::gateway
