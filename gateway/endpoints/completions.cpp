// POST /v1/completions
#include "gateway/endpoints/endpoints.h"
#include "gateway/endpoints/prompts.h"
#include "gateway/generate/answer.h"
#include "gateway/openai/completion_request.h"

namespace zswarm::gateway {
namespace {

// What echo repeats: the text as it came, or that of the ids; with logprobs also the first token, which the
// engine does not score.
ApiResult<EchoedPrompt> echo_of(const node::Client& client, const node::ModelCard& card, const Prompt& given,
                                const std::vector<node::TokenId>& tokens, bool logprobs) {
  EchoedPrompt echoed;
  if (const auto* text = std::get_if<std::string>(&given)) {
    echoed.text = *text;
  } else {
    auto text_of_ids = client.detokenize(card.id, tokens);
    if (!text_of_ids) return refuse(from_node(text_of_ids.error()));
    echoed.text = std::move(*text_of_ids);
  }
  if (logprobs) {
    auto bytes = client.token_bytes(card.id, tokens.front());
    if (!bytes) return refuse(from_node(bytes.error()));
    echoed.tokens.push_back({tokens.front(), 0, std::move(*bytes), {}});
  }
  return echoed;
}

ApiResult<AnswerPlan> completion_plan(const node::Client& client, const CompletionRequest& request,
                                      const node::ModelCard& card, const TokenLists& lists,
                                      const Limits& limits) {
  const GenerationFields& fields = request.generation;
  const bool logprobs = fields.sampling.top_logprobs >= 0;
  AnswerPlan plan;
  plan.choices = fields.choices;
  plan.stream = fields.stream;
  plan.include_usage = fields.include_usage;
  plan.score_only = request.echo && logprobs && fields.max_tokens == 0u;
  if (request.echo && logprobs) {
    // A prompt's scores come at once, streamed or not.
    std::uint64_t tokens = 0;
    for (const auto& list : lists) tokens += list.size();
    const auto per_token = static_cast<std::uint64_t>(fields.sampling.top_logprobs) + 1;
    if (tokens * fields.choices * per_token > limits.logprob_entries) return refuse(too_many_logprobs());
  }
  const std::uint64_t seed = fields.seed ? *fields.seed : random_seed();
  for (std::size_t p = 0; p < lists.size(); ++p) {
    PromptInfo info{lists[p].size(), std::nullopt};
    if (request.echo) {
      auto echoed = echo_of(client, card, request.prompts[p], lists[p], logprobs);
      if (!echoed) return refuse(echoed.error());
      info.echoed = std::move(*echoed);
    }
    plan.prompts.push_back(std::move(info));
    for (std::uint64_t c = 0; c < fields.choices; ++c) {
      node::GenerateRequest generate = generate_request(fields, card, seed, p * fields.choices + c);
      generate.prompt = lists[p];
      generate.score_prompt = request.echo && logprobs && lists[p].size() > 1;
      if (fields.max_tokens == 0u)
        generate.max_tokens = 1;  // the engine always makes one; score_only leaves it out
      plan.requests.push_back(std::move(generate));
    }
  }
  return plan;
}

// echo with max_tokens 0 and no logprobs: the prompts themselves are the answer.
std::string echo_only(const AnswerPlan& plan, AnswerFormat& format) {
  std::vector<Choice> choices;
  Usage usage;
  for (const PromptInfo& prompt : plan.prompts) {
    usage.prompt_tokens += prompt.tokens;
    for (std::size_t c = 0; c < plan.choices; ++c)
      choices.push_back({prompt.echoed, "", {}, node::FinishReason::kLength});
  }
  return format.whole(choices, usage);
}

std::string echo_only_events(const AnswerPlan& plan, AnswerFormat& format) {
  std::string out;
  Usage usage;
  for (std::size_t i = 0; i < plan.requests.size(); ++i) {
    const PromptInfo& prompt = plan.prompts[i / plan.choices];
    if (i % plan.choices == 0) usage.prompt_tokens += prompt.tokens;
    out += event(format.opening(i, &*prompt.echoed)) + event(format.closing(i, node::FinishReason::kLength));
  }
  if (plan.include_usage) out += event(format.usage_chunk(usage));
  return out + event("[DONE]");
}

EndpointResult answer_echo_only(Exchange& exchange, const AnswerPlan& plan, AnswerFormat& format) {
  if (!plan.stream) co_return json_response(echo_only(plan, format));
  std::string events = echo_only_events(plan, format);
  bool there = co_await exchange.begin_events();
  if (there) there = co_await exchange.send_events(std::move(events));
  if (there) co_await exchange.end_events();
  co_return std::nullopt;
}

}  // namespace

EndpointResult completions(Context& context, Exchange& exchange) {
  using Parsed = ApiResult<CompletionRequest>;
  const std::string body = std::move(exchange.request().body);
  std::function<Parsed()> parse = [&body, limits = context.limits] {
    return parse_completion_request(body, limits);
  };
  const bool heavy = body.size() > context.limits.inline_parse_bytes;
  Parsed request = co_await offload(context, heavy, std::move(parse));
  if (!request) co_return error_response(request.error());
  const GenerationFields& fields = request->generation;
  const auto card = find_model(context, fields.model);
  if (!card) co_return error_response(card.error());
  const auto checked = check_against_model(fields, *card, request->prompts.size(), context.limits);
  if (!checked) co_return error_response(checked.error());

  // Echo still needs the texts afterwards.
  std::vector<Prompt> prompts = request->echo ? request->prompts : std::move(request->prompts);
  const auto lists = co_await tokenize_prompts(context, *card, std::move(prompts), "prompt");
  if (!lists) co_return error_response(lists.error());
  auto plan = completion_plan(context.client, *request, *card, *lists, context.limits);
  if (!plan) co_return error_response(plan.error());

  AnswerHead head{random_id("cmpl-"), unix_now_s(), card->id, fields.sampling.top_logprobs >= 0,
                  fields.include_usage};
  auto format = completion_format(std::move(head), plan->requests.size());
  if (fields.max_tokens == 0u && !plan->score_only)
    co_return co_await answer_echo_only(exchange, *plan, *format);
  co_return co_await run_answer(context, exchange, std::move(*plan), std::move(format));
}

}  // namespace zswarm::gateway
