// GET /v1/models and /v1/models/{id}
#include "gateway/endpoints/endpoints.h"
#include "gateway/endpoints/prompts.h"
#include "gateway/json/json.h"

namespace zswarm::gateway {
namespace {

Json model_json(const node::ModelCard& card) {
  Json out;
  out["id"] = card.id;
  out["object"] = "model";
  out["created"] = card.created_unix_s;
  out["owned_by"] = "zswarm";
  // Beyond OpenAI's fields, as llama-server and vLLM name them.
  out["max_model_len"] = card.context_length;
  out["meta"] = {
      {"description", card.description}, {"n_vocab", card.vocab_size}, {"n_ctx", card.context_length}};
  return out;
}

}  // namespace

EndpointResult list_models(Context& context, Exchange&) {
  Json data = Json::array();
  for (const auto& card : context.client.models()) data.push_back(model_json(card));
  Json out;
  out["object"] = "list";
  out["data"] = std::move(data);
  co_return json_response(to_text(out));
}

EndpointResult show_model(Context& context, Exchange& exchange) {
  const std::string& name = exchange.request().path_rest;
  const auto card = context.client.model(name);
  if (!card) co_return error_response(model_not_found(name));
  co_return json_response(to_text(model_json(*card)));
}

}  // namespace zswarm::gateway
