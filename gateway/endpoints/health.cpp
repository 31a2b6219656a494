// GET /health and /metrics
#include "gateway/endpoints/endpoints.h"
#include "gateway/endpoints/prompts.h"

namespace zswarm::gateway {

EndpointResult health(Context& context, Exchange&) {
  if (const auto error = not_ready(context)) co_return error_response(*error);
  co_return json_response(R"({"status":"ok"})");
}

EndpointResult metrics(Context& context, Exchange&) {
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = exposition(context.metrics, context.client.stats(), context.client.readiness());
  co_return response;
}

}  // namespace zswarm::gateway
