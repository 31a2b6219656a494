// POST /apply-template: the prompt that a chat would become
#include "gateway/endpoints/endpoints.h"
#include "gateway/endpoints/prompts.h"
#include "gateway/json/json.h"
#include "gateway/native/token_requests.h"

namespace zswarm::gateway {

EndpointResult apply_template(Context& context, Exchange& exchange) {
  using Parsed = ApiResult<TemplateRequest>;
  const std::string body = std::move(exchange.request().body);
  std::function<Parsed()> parse = [&body, limits = context.limits, allow = context.allow_template_override] {
    return parse_template_request(body, limits, allow);
  };
  const bool heavy = body.size() > context.limits.inline_parse_bytes;
  Parsed request = co_await offload(context, heavy, std::move(parse));
  if (!request) co_return error_response(request.error());
  const auto card = find_model(context, request->model);
  if (!card) co_return error_response(card.error());
  node::RenderRequest render{card->id, std::move(request->template_context),
                             std::move(request->chat_template)};
  auto prompt = co_await render_template(context, std::move(render));
  if (!prompt) co_return error_response(prompt.error());
  Json out;
  out["prompt"] = std::move(*prompt);
  co_return json_response(to_text(out));
}

}  // namespace zswarm::gateway
