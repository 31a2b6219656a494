// Client::render for a thread that can wait.
#pragma once

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "kernels/base/error.h"
#include "node/client.h"

namespace zswarm::tools {

/// The default model's chat template over `context_json` (messages, add_generation_prompt).
[[nodiscard]] inline Result<std::string> rendered(node::Client& client, std::string context_json) {
  const auto promise = std::make_shared<std::promise<Result<std::string>>>();
  auto future = promise->get_future();
  const Status asked =
      client.render({.model = {}, .context_json = std::move(context_json), .chat_template = {}},
                    [promise](Result<std::string> text) { promise->set_value(std::move(text)); });
  if (!asked) return fail(asked.error());
  return future.get();
}

}  // namespace zswarm::tools
