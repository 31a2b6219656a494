// What several endpoints do with a model and its texts. Loop thread; heavy work goes to a worker.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/context.h"
#include "gateway/openai/completion_request.h"

namespace zswarm::gateway {

using TokenLists = std::vector<std::vector<node::TokenId>>;

/// 503 while the node loads or stops: nothing that needs a model works yet.
[[nodiscard]] std::optional<ApiError> not_ready(const Context& context);

/// The model a request names; "" is the default.
[[nodiscard]] ApiResult<node::ModelCard> find_model(const Context& context, const std::string& name);

/// Ids of each prompt, in order, each at least one token long and short enough for the model. Ids that the
/// client gave are checked against the vocabulary. `name` is the request's field.
[[nodiscard]] asio::awaitable<ApiResult<TokenLists>> tokenize_prompts(Context& context, node::ModelCard card,
                                                                      std::vector<Prompt> prompts,
                                                                      std::string name);

/// Renders and tokenizes a chat.
[[nodiscard]] asio::awaitable<ApiResult<std::string>> render_template(Context& context,
                                                                      node::RenderRequest request);
[[nodiscard]] asio::awaitable<ApiResult<std::vector<node::TokenId>>> tokenize_rendered(Context& context,
                                                                                       node::ModelCard card,
                                                                                       std::string text);

/// 400 context_length_exceeded.
[[nodiscard]] ApiError too_long(const node::ModelCard& card, std::size_t tokens, std::string param);

}  // namespace zswarm::gateway
