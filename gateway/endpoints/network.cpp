// GET /p2p/models, /p2p/nodes, /p2p/token and /p2p/trace/{id}: the network that the node is in.
#include "gateway/endpoints/endpoints.h"

namespace zswarm::gateway {
namespace {

using What = node::NetworkQuestion::What;

ApiError refusal_of(const Error& error) {
  ApiError refusal = from_node(error);
  if (error.code == ErrorCode::kNotFound) refusal.code = "not_found";
  return refusal;
}

EndpointResult ask(Context& context, node::NetworkQuestion question) {
  Reply<Result<std::string>> reply(context.loop_io, context.loop);
  const Status accepted = context.client.ask_network(std::move(question), reply.sink());
  if (!accepted) co_return error_response(refusal_of(accepted.error()));
  auto answer = co_await reply.get();
  if (!answer) co_return error_response(refusal_of(answer.error()));
  co_return json_response(std::move(*answer));
}

}  // namespace

EndpointResult network_models(Context& context, Exchange&) {
  return ask(context, {What::kModels, {}});
}

EndpointResult network_nodes(Context& context, Exchange&) {
  return ask(context, {What::kNodes, {}});
}

EndpointResult network_token(Context& context, Exchange&) {
  return ask(context, {What::kToken, {}});
}

EndpointResult network_trace(Context& context, Exchange& exchange) {
  return ask(context, {What::kTrace, exchange.request().path_rest});
}

}  // namespace zswarm::gateway
