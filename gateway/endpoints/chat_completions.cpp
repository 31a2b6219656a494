// POST /v1/chat/completions
#include "gateway/endpoints/endpoints.h"
#include "gateway/endpoints/prompts.h"
#include "gateway/generate/answer.h"
#include "gateway/openai/chat_request.h"

namespace zswarm::gateway {
namespace {

AnswerPlan chat_plan(const GenerationFields& fields, const node::ModelCard& card,
                     const std::vector<node::TokenId>& prompt) {
  AnswerPlan plan;
  plan.choices = fields.choices;
  plan.stream = fields.stream;
  plan.include_usage = fields.include_usage;
  plan.prompts.push_back({prompt.size(), std::nullopt});
  const std::uint64_t seed = fields.seed ? *fields.seed : random_seed();
  for (std::uint64_t i = 0; i < fields.choices; ++i) {
    plan.requests.push_back(generate_request(fields, card, seed, i));
    plan.requests.back().prompt = prompt;
    plan.requests.back().own_text = true;
  }
  return plan;
}

}  // namespace

EndpointResult chat_completions(Context& context, Exchange& exchange) {
  using Parsed = ApiResult<ChatRequest>;
  const std::string body = std::move(exchange.request().body);
  std::function<Parsed()> parse = [&body, limits = context.limits, allow = context.allow_template_override] {
    return parse_chat_request(body, limits, allow);
  };
  const bool heavy = body.size() > context.limits.inline_parse_bytes;
  Parsed request = co_await offload(context, heavy, std::move(parse));
  if (!request) co_return error_response(request.error());
  const GenerationFields& fields = request->generation;
  const auto card = find_model(context, fields.model);
  if (!card) co_return error_response(card.error());
  if (const auto checked = check_against_model(fields, *card, 1, context.limits); !checked)
    co_return error_response(checked.error());

  node::RenderRequest render{card->id, std::move(request->template_context),
                             std::move(request->chat_template)};
  auto text = co_await render_template(context, std::move(render));
  if (!text) co_return error_response(text.error());
  auto prompt = co_await tokenize_rendered(context, *card, std::move(*text));
  if (!prompt) co_return error_response(prompt.error());

  AnswerHead head{random_id("chatcmpl-"), unix_now_s(), card->id, fields.sampling.top_logprobs >= 0,
                  fields.include_usage};
  AnswerPlan plan = chat_plan(fields, *card, *prompt);
  co_return co_await run_answer(context, exchange, std::move(plan), chat_format(std::move(head)));
}

}  // namespace zswarm::gateway
