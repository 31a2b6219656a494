// POST /v1/embeddings: from the body's bytes to a checked request.
//
// Pure, any thread, no I/O. https://platform.openai.com/docs/api-reference/embeddings/create
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gateway/openai/completion_request.h"

namespace zswarm::gateway {

struct EmbeddingRequest {
  std::string model;  // empty: the default
  std::vector<Prompt> inputs;
  bool base64 = false;
};

[[nodiscard]] ApiResult<EmbeddingRequest> parse_embedding_request(std::string_view body,
                                                                  const Limits& limits);

}  // namespace zswarm::gateway
