// POST /tokenize and /detokenize, as llama-server has them
#include <fmt/format.h>

#include "gateway/endpoints/endpoints.h"
#include "gateway/endpoints/prompts.h"
#include "gateway/native/token_requests.h"
#include "kernels/base/utf8.h"

namespace zswarm::gateway {
namespace {

ApiError no_such_token(const node::ModelCard& card, const std::string& param, node::TokenId id) {
  return bad_request(fmt::format("Invalid '{}': the model has no token {} (its ids end at {}).", param, id,
                                 card.vocab_size - 1),
                     param, "invalid_value");
}

// A piece that is not valid UTF-8 on its own is given as its bytes.
Json piece_json(const std::string& bytes) {
  if (utf8::is_valid(bytes)) return bytes;
  Json out = Json::array();
  for (const char byte : bytes) out.push_back(static_cast<unsigned char>(byte));
  return out;
}

ApiResult<std::string> tokenized(const node::Client& client, const node::ModelCard& card,
                                 const TokenizeRequest& request) {
  std::vector<node::TokenId> ids;
  bool first = true;
  for (const Prompt& part : request.content) {
    if (const auto* text = std::get_if<std::string>(&part)) {
      auto more = client.tokenize(card.id, *text, request.add_special && first, request.parse_special);
      if (!more) return refuse(from_node(more.error()));
      ids.insert(ids.end(), more->begin(), more->end());
    } else {
      for (const node::TokenId id : std::get<std::vector<node::TokenId>>(part)) {
        if (id >= card.vocab_size) return refuse(no_such_token(card, "content", id));
        ids.push_back(id);
      }
    }
    first = false;
  }
  Json list = Json::array();
  for (const node::TokenId id : ids) {
    if (!request.with_pieces) {
      list.push_back(id);
      continue;
    }
    const auto bytes = client.token_bytes(card.id, id);
    if (!bytes) return refuse(from_node(bytes.error()));
    list.push_back({{"id", id}, {"piece", piece_json(*bytes)}});
  }
  Json out;
  out["tokens"] = std::move(list);
  return to_text(out);
}

ApiResult<std::string> detokenized(const node::Client& client, const node::ModelCard& card,
                                   const DetokenizeRequest& request) {
  for (std::size_t i = 0; i < request.tokens.size(); ++i) {
    if (request.tokens[i] >= card.vocab_size)
      return refuse(no_such_token(card, fmt::format("tokens[{}]", i), request.tokens[i]));
  }
  auto text = client.detokenize(card.id, request.tokens);
  if (!text) return refuse(from_node(text.error()));
  Json out;
  out["content"] = std::move(*text);
  return to_text(out);
}

// Parse, look the model up, compute: both endpoints are the same in this.
template <class RequestType>
EndpointResult answer(Context& context, Exchange& exchange,
                      ApiResult<RequestType> (*parse)(std::string_view, const Limits&),
                      ApiResult<std::string> (*compute)(const node::Client&, const node::ModelCard&,
                                                        const RequestType&)) {
  using Text = ApiResult<std::string>;
  const std::string body = std::move(exchange.request().body);
  const bool heavy = body.size() > context.limits.inline_tokenize_bytes;
  // Only the loop may look at the context, so the parsed request comes back for the model before the work
  // goes on.
  std::function<ApiResult<RequestType>()> read = [&body, parse, limits = context.limits] {
    return parse(body, limits);
  };
  const ApiResult<RequestType> request = co_await offload(context, heavy, std::move(read));
  if (!request) co_return error_response(request.error());
  const auto card = find_model(context, request->model);
  if (!card) co_return error_response(card.error());
  std::function<Text()> work = [&client = context.client, &card = *card, &request = *request, compute] {
    return compute(client, card, request);
  };
  Text text = co_await offload(context, heavy, std::move(work));
  if (!text) co_return error_response(text.error());
  co_return json_response(std::move(*text));
}

}  // namespace

EndpointResult tokenize(Context& context, Exchange& exchange) {
  return answer<TokenizeRequest>(context, exchange, parse_tokenize_request, tokenized);
}

EndpointResult detokenize(Context& context, Exchange& exchange) {
  return answer<DetokenizeRequest>(context, exchange, parse_detokenize_request, detokenized);
}

}  // namespace zswarm::gateway
