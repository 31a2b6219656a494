// What `generate` and `chat` share: a node with one model in this process, the options of sampling, and one
// answer as it streams.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kernels/base/error.h"
#include "node/client.h"
#include "node/node.h"

namespace zswarm::tools {

struct AnswerOptions {
  std::string model;
  std::optional<std::uint32_t> max_tokens;
  sampling::Params sampling;
  std::optional<std::uint64_t> seed;  // absent: a new one each time
  std::uint32_t threads = 0;
  std::uint32_t context = 0;
  bool json = false;
};

/// MODEL, -n, --temp, --top-k, --top-p, --min-p, --repeat-penalty, --seed, --threads, --context, --json.
void add_answer_options(CLI::App& command, AnswerOptions& options);

/// A node with this model, ready; shows a progress bar while it loads.
[[nodiscard]] Result<std::unique_ptr<node::Node>> start_node(const AnswerOptions& options);

struct Answer {
  std::string text;
  std::vector<node::TokenId> tokens;
  std::uint64_t seed = 0;
  node::Finished finished;
};

/// Generates from `prompt`; `show` gets each piece of text as it comes, `started` the request's id (to cancel
/// it). Waits for the end.
[[nodiscard]] Result<Answer> generate_answer(node::Client& client, std::vector<node::TokenId> prompt,
                                             const AnswerOptions& options,
                                             const std::function<void(const std::string& text)>& show,
                                             const std::function<void(node::RequestId)>& started = {});

/// "[43 tokens at 156.2 tokens/s; prompt of 31 in 0.05 s]"
[[nodiscard]] std::string speed_line(const Answer& answer);

/// text, tokens, finish_reason, seed, prompt_tokens, completion_tokens, prefill_s, decode_s, tokens_s.
[[nodiscard]] nlohmann::ordered_json answer_json(const Answer& answer);

}  // namespace zswarm::tools
