// The endpoints: one function each, one file per family. routes.cpp says which path leads where.
//
// An endpoint runs on the loop thread. It returns the response, or nothing if it has written its own (a
// stream).
#pragma once

#include <optional>

#include "gateway/context.h"
#include "gateway/http/exchange.h"

namespace zswarm::gateway {

using EndpointResult = asio::awaitable<std::optional<Response>>;

[[nodiscard]] EndpointResult chat_completions(Context& context, Exchange& exchange);
[[nodiscard]] EndpointResult completions(Context& context, Exchange& exchange);
[[nodiscard]] EndpointResult embeddings(Context& context, Exchange& exchange);
[[nodiscard]] EndpointResult list_models(Context& context, Exchange& exchange);
[[nodiscard]] EndpointResult show_model(Context& context, Exchange& exchange);
[[nodiscard]] EndpointResult tokenize(Context& context, Exchange& exchange);
[[nodiscard]] EndpointResult detokenize(Context& context, Exchange& exchange);
[[nodiscard]] EndpointResult apply_template(Context& context, Exchange& exchange);
[[nodiscard]] EndpointResult health(Context& context, Exchange& exchange);
[[nodiscard]] EndpointResult network_models(Context& context, Exchange& exchange);
[[nodiscard]] EndpointResult network_nodes(Context& context, Exchange& exchange);
[[nodiscard]] EndpointResult network_token(Context& context, Exchange& exchange);
[[nodiscard]] EndpointResult network_trace(Context& context, Exchange& exchange);
[[nodiscard]] EndpointResult metrics(Context& context, Exchange& exchange);

}  // namespace zswarm::gateway
