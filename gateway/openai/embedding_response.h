// The answer of /v1/embeddings. Pure, any thread.
#pragma once

#include <string>
#include <vector>

namespace zswarm::gateway {

/// `vectors` in the order of the inputs. With `base64`, each is the base64 of its float32 values,
/// little-endian.
[[nodiscard]] std::string embedding_response(const std::string& model,
                                             const std::vector<std::vector<float>>& vectors,
                                             std::size_t prompt_tokens, bool base64);

[[nodiscard]] std::string base64_of(const std::vector<float>& values);

}  // namespace zswarm::gateway
