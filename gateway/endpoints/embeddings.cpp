// POST /v1/embeddings
#include <deque>
#include <memory>

#include "gateway/endpoints/endpoints.h"
#include "gateway/endpoints/prompts.h"
#include "gateway/openai/embedding_request.h"
#include "gateway/openai/embedding_response.h"

namespace zswarm::gateway {
namespace {

using Vector = Result<std::vector<float>>;

// Asks for one vector after the other with a few in hand, so that a long list neither fills the engine's
// queue nor waits in turn.
asio::awaitable<ApiResult<std::vector<std::vector<float>>>> embed_all(Context& context, Exchange& exchange,
                                                                      const node::ModelCard& card,
                                                                      TokenLists lists) {
  std::vector<std::vector<float>> vectors;
  std::deque<std::unique_ptr<Reply<Vector>>> pending;
  bool gone = false;
  std::function<void()> on_gone = [&gone] { gone = true; };
  exchange.watch_client(std::move(on_gone));
  std::optional<ApiError> broken;
  std::size_t asked = 0;
  while (!broken && vectors.size() < lists.size()) {
    while (!broken && !gone && asked < lists.size() && pending.size() < context.limits.at_once_per_request) {
      auto reply = std::make_unique<Reply<Vector>>(context.loop_io, context.loop);
      node::EmbedRequest request{card.id, lists[asked]};
      const Status accepted = context.client.embed(std::move(request), reply->sink());
      if (accepted) {
        pending.push_back(std::move(reply));
        ++asked;
      } else if (accepted.error().code == ErrorCode::kUnavailable && !pending.empty()) {
        break;  // the queue has room again when one of ours is done
      } else {
        broken = from_node(accepted.error());
      }
    }
    if (broken || pending.empty()) break;
    Vector vector = co_await pending.front()->get();
    pending.pop_front();
    if (vector) {
      vectors.push_back(std::move(*vector));
    } else {
      broken = from_node(vector.error());
    }
  }
  exchange.unwatch_client();
  if (gone) {
    ++context.metrics.clients_gone;
    if (!broken) broken = from_node({ErrorCode::kCancelled, "The client has left.", ""});
  }
  if (broken) co_return refuse(std::move(*broken));
  co_return vectors;
}

}  // namespace

EndpointResult embeddings(Context& context, Exchange& exchange) {
  using Parsed = ApiResult<EmbeddingRequest>;
  const std::string body = std::move(exchange.request().body);
  std::function<Parsed()> parse = [&body, limits = context.limits] {
    return parse_embedding_request(body, limits);
  };
  const bool heavy = body.size() > context.limits.inline_parse_bytes;
  Parsed request = co_await offload(context, heavy, std::move(parse));
  if (!request) co_return error_response(request.error());
  const auto card = find_model(context, request->model);
  if (!card) co_return error_response(card.error());
  auto lists = co_await tokenize_prompts(context, *card, std::move(request->inputs), "input");
  if (!lists) co_return error_response(lists.error());
  std::size_t tokens = 0;
  for (const auto& list : *lists) tokens += list.size();
  const auto vectors = co_await embed_all(context, exchange, *card, std::move(*lists));
  if (!vectors) co_return error_response(vectors.error());
  const bool many = vectors->size() * vectors->front().size() > context.limits.inline_entries;
  std::function<std::string()> write = [&] {
    return embedding_response(card->id, *vectors, tokens, request->base64);
  };
  co_return json_response(co_await offload(context, many, std::move(write)));
}

}  // namespace zswarm::gateway
