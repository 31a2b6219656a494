// Any bytes as the body of a request: the first byte chooses the endpoint, the rest is the body.
//
// What a parser accepts must keep its promises: values in their ranges, a template context that is JSON
// again. CMakeLists.txt lists the sources of the gateway that are compiled into it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gateway/http/target.h"
#include "gateway/native/token_requests.h"
#include "gateway/openai/chat_request.h"
#include "gateway/openai/completion_request.h"
#include "gateway/openai/embedding_request.h"
#include "kernels/base/utf8.h"

namespace {

using namespace zswarm;
using namespace zswarm::gateway;

void check(const ApiError& error) {
  ZS_ASSERT(error.status == 400 && !error.message.empty());
  ZS_ASSERT(!error_body(error).empty() && utf8::is_valid(error_body(error)));
}

void check(const GenerationFields& fields, const Limits& limits) {
  const auto& s = fields.sampling;
  ZS_ASSERT(s.temperature >= 0 && s.temperature <= 2 && s.top_p > 0 && s.top_p <= 1 && s.top_k >= 0);
  ZS_ASSERT(s.min_p >= 0 && s.min_p < 1 && s.typical_p > 0 && s.typical_p <= 1 && s.repetition_penalty > 0);
  ZS_ASSERT(s.frequency_penalty >= -2 && s.frequency_penalty <= 2);
  ZS_ASSERT(s.presence_penalty >= -2 && s.presence_penalty <= 2);
  ZS_ASSERT(s.top_logprobs >= -1 && s.top_logprobs <= limits.top_logprobs && s.penalty_window >= -1);
  ZS_ASSERT(fields.choices >= 1 && fields.choices <= limits.choices);
  ZS_ASSERT(fields.stop.size() <= limits.stop_strings);
  for (const auto& stop : fields.stop) ZS_ASSERT(!stop.empty());
}

void check_context(const std::string& context, const Limits& limits) {
  JsonLimits wider = limits.json;
  wider.depth += 2;
  wider.values += 8;
  const auto parsed = parse_body(context, wider);
  ZS_ASSERT(parsed && !(*parsed)["messages"].empty());
}

template <class T>
bool accepted(const ApiResult<T>& result) {
  if (!result) check(result.error());
  return result.has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Limits limits;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 7) {
    case 0:
      if (const auto r = parse_chat_request(body, limits, true); accepted(r)) {
        check(r->generation, limits);
        check_context(r->template_context, limits);
      }
      break;
    case 1:
      if (const auto r = parse_completion_request(body, limits); accepted(r)) {
        check(r->generation, limits);
        ZS_ASSERT(!r->prompts.empty() && r->generation.max_tokens &&
                  (*r->generation.max_tokens > 0 || r->echo));
      }
      break;
    case 2:
      if (const auto r = parse_embedding_request(body, limits); accepted(r)) ZS_ASSERT(!r->inputs.empty());
      break;
    case 3:
      static_cast<void>(accepted(parse_tokenize_request(body, limits)));
      break;
    case 4:
      static_cast<void>(accepted(parse_detokenize_request(body, limits)));
      break;
    case 5:
      if (const auto r = parse_template_request(body, limits, false); accepted(r)) {
        check_context(r->template_context, limits);
      }
      break;
    default:
      if (const auto target = parse_target(body)) ZS_ASSERT(target->path.find('\0') == std::string::npos);
      break;
  }
  return 0;
}
