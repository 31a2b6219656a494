#include "gateway/endpoints/prompts.h"

#include <fmt/format.h>

namespace zswarm::gateway {
namespace {

// Checks ids that a client gave, or tokenizes its text. Any thread.
ApiResult<std::vector<node::TokenId>> ids_of(const node::Client& client, const node::ModelCard& card,
                                             Prompt& prompt, const std::string& name) {
  if (auto* given = std::get_if<std::vector<node::TokenId>>(&prompt)) {
    for (std::size_t i = 0; i < given->size(); ++i) {
      if ((*given)[i] < card.vocab_size) continue;
      const std::string param = fmt::format("{}[{}]", name, i);
      return refuse(bad_request(fmt::format("Invalid '{}': the model has no token {} (its ids end at {}).",
                                            param, (*given)[i], card.vocab_size - 1),
                                param, "invalid_value"));
    }
    return std::move(*given);
  }
  auto ids = client.tokenize(card.id, std::get<std::string>(prompt), true, true);
  if (!ids) return refuse(from_node(ids.error()));
  return std::move(*ids);
}

ApiResult<TokenLists> all_ids(const node::Client& client, const node::ModelCard& card,
                              std::vector<Prompt>& prompts, const std::string& name) {
  TokenLists lists;
  lists.reserve(prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const std::string param = prompts.size() == 1 ? name : fmt::format("{}[{}]", name, i);
    auto ids = ids_of(client, card, prompts[i], param);
    if (!ids) return refuse(ids.error());
    if (ids->empty() && card.bos) ids->push_back(*card.bos);
    if (ids->empty()) {
      return refuse(bad_request(
          fmt::format("Invalid '{}': the prompt is empty, and this model has no token to begin with.", param),
          param, "invalid_value"));
    }
    if (ids->size() > card.context_length) return refuse(too_long(card, ids->size(), param));
    lists.push_back(std::move(*ids));
  }
  return lists;
}

}  // namespace

std::optional<ApiError> not_ready(const Context& context) {
  ApiError error{.status = 503, .type = "server_error", .retry_after_s = 1};
  if (context.draining) {
    error.message = "The server is stopping.";
    error.code = "stopping";
    return error;
  }
  switch (context.client.readiness()) {
    case node::Readiness::kReady:
      return std::nullopt;
    case node::Readiness::kLoading:
      error.message = "The model is still loading.";
      error.code = "loading";
      return error;
    case node::Readiness::kDraining:
      error.message = "The server is stopping.";
      error.code = "stopping";
      return error;
    case node::Readiness::kFailed:
      error.message = "The model could not be loaded; the server's log says why.";
      error.code = "failed";
      return error;
  }
  return error;
}

ApiResult<node::ModelCard> find_model(const Context& context, const std::string& name) {
  if (auto error = not_ready(context)) return refuse(std::move(*error));
  auto card = context.client.model(name);
  if (!card) {
    if (card.error().code == ErrorCode::kNotFound) return refuse(model_not_found(name));
    return refuse(from_node(card.error()));
  }
  return std::move(*card);
}

ApiError too_long(const node::ModelCard& card, std::size_t tokens, std::string param) {
  return bad_request(
      fmt::format("This model's maximum context length is {} tokens, but the prompt has {}. Shorten it.",
                  card.context_length, tokens),
      std::move(param), "context_length_exceeded");
}

asio::awaitable<ApiResult<TokenLists>> tokenize_prompts(Context& context, node::ModelCard card,
                                                        std::vector<Prompt> prompts, std::string name) {
  std::size_t bytes = 0;
  for (const Prompt& prompt : prompts) {
    if (const auto* text = std::get_if<std::string>(&prompt)) bytes += text->size();
  }
  const bool heavy = bytes > context.limits.inline_tokenize_bytes;
  auto shared = std::make_shared<std::vector<Prompt>>(std::move(prompts));
  std::function<ApiResult<TokenLists>()> compute = [&client = context.client, card = std::move(card), shared,
                                                    name] { return all_ids(client, card, *shared, name); };
  co_return co_await offload(context, heavy, std::move(compute));
}

asio::awaitable<ApiResult<std::string>> render_template(Context& context, node::RenderRequest request) {
  Reply<Result<std::string>> reply(context.loop_io, context.loop);
  const Status accepted = context.client.render(std::move(request), reply.sink());
  Result<std::string> text;
  if (accepted) {
    text = co_await reply.get();
  } else {
    text = fail(accepted.error());
  }
  if (text) co_return std::move(*text);
  ApiError error = from_node(text.error());
  switch (text.error().code) {
    case ErrorCode::kNotFound:
      error = bad_request("This model has no chat template; use /v1/completions instead.", "messages",
                          "no_chat_template");
      break;
    case ErrorCode::kDeadline:
    case ErrorCode::kOutOfMemory:
      // The template asked for too much: that is the request's doing, and trying again does not help.
      error = bad_request(text.error().message, "messages", std::string(error_code_name(text.error().code)));
      break;
    default:
      if (error.status == 400 && error.param.empty()) error.param = "messages";
  }
  co_return refuse(std::move(error));
}

asio::awaitable<ApiResult<std::vector<node::TokenId>>> tokenize_rendered(Context& context,
                                                                         node::ModelCard card,
                                                                         std::string text) {
  const bool heavy = text.size() > context.limits.inline_tokenize_bytes;
  using Ids = ApiResult<std::vector<node::TokenId>>;
  std::function<Ids()> compute = [&client = context.client, card = std::move(card),
                                  text = std::move(text)]() -> Ids {
    // The template writes the special tokens itself, BOS included.
    auto ids = client.tokenize(card.id, text, false, true);
    if (!ids) return refuse(from_node(ids.error()));
    if (ids->empty()) {
      return refuse(bad_request("Invalid 'messages': the chat template makes an empty prompt of them.",
                                "messages", "invalid_value"));
    }
    if (ids->size() >= card.context_length) return refuse(too_long(card, ids->size(), "messages"));
    return std::move(*ids);
  };
  co_return co_await offload(context, heavy, std::move(compute));
}

}  // namespace zswarm::gateway
