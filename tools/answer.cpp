#include "tools/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>
#include <variant>

#include "tools/event_queue.h"
#include "tools/files.h"
#include "tools/output.h"

namespace zswarm::tools {

namespace {

std::uint64_t fresh_seed() {
  std::random_device device;
  // 32 bits: a seed that people can read off and type again.
  return device();
}

/// Tokens per second of decoding: the first token comes from the prompt's last step.
double tokens_per_second(const Answer& answer) {
  const std::uint32_t tokens = answer.finished.completion_tokens;
  return tokens > 1 && answer.finished.decode_s > 0 ? (tokens - 1) / answer.finished.decode_s : 0;
}

}  // namespace

void add_answer_options(CLI::App& command, AnswerOptions& options) {
  // llama.cpp's values: people know what they do.
  options.sampling.temperature = 0.8f;
  options.sampling.top_k = 40;
  options.sampling.top_p = 0.95f;
  options.sampling.min_p = 0.05f;
  command.add_option("MODEL", options.model, "GGUF file")->required();
  command.add_option("-n,--max-tokens", options.max_tokens, "Longest answer, in tokens")
      ->check(CLI::Range(1, 1 << 24));
  command
      .add_option("--temp", options.sampling.temperature, "Temperature; 0 always takes the likeliest token")
      ->check(CLI::Range(0.0, 2.0))
      ->capture_default_str();
  command.add_option("--top-k", options.sampling.top_k, "Choose among the K likeliest tokens; 0: all")
      ->check(CLI::Range(0, 1 << 24))
      ->capture_default_str();
  command
      .add_option("--top-p", options.sampling.top_p,
                  "Choose among the likeliest tokens that make up this probability")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      .add_option("--min-p", options.sampling.min_p,
                  "Leave out tokens below this share of the likeliest one's probability")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      .add_option("--repeat-penalty", options.sampling.repetition_penalty,
                  "Make tokens that occurred before less likely; 1: off")
      ->check(CLI::Range(0.01, 100.0))
      ->capture_default_str();
  command.add_option("--seed", options.seed,
                     "The same seed gives the same answer, on any machine (a new one each time)");
  command.add_option("-t,--threads", options.threads, "Compute threads (one per core)")
      ->check(CLI::Range(1, 1024));
  command
      .add_option("-c,--context", options.context,
                  "Longest prompt and answer together, in tokens (the model's own length)")
      ->check(CLI::Range(8, 1 << 24));
}

Result<std::unique_ptr<node::Node>> start_node(const AnswerOptions& options) {
  node::NodeOptions node_options;
  node_options.models.push_back({.file = options.model, .alias = {}});
  node_options.threads = options.threads;
  node_options.engine.context_tokens = options.context;
  node_options.engine.max_running = 1;
  const std::string title = fmt::format("Loading {}", shown(std::filesystem::path(options.model).filename()));
  ProgressBar bar(title);
  node_options.progress = [&bar](std::string_view, std::uint64_t done, std::uint64_t total) {
    if (total != 0) bar.show(static_cast<double>(done) / static_cast<double>(total));
  };
  auto started = node::Node::start(std::move(node_options));
  if (!started) return started;
  if (auto ready = (*started)->wait_ready(); !ready) return fail(std::move(ready.error()));
  return started;
}

Result<Answer> generate_answer(node::Client& client, std::vector<node::TokenId> prompt,
                               const AnswerOptions& options,
                               const std::function<void(const std::string&)>& show,
                               const std::function<void(node::RequestId)>& started) {
  Answer answer;
  node::GenerateRequest request;
  request.prompt = std::move(prompt);
  request.sampling = options.sampling;
  request.sampling.seed = answer.seed = options.seed ? *options.seed : fresh_seed();
  request.max_tokens = options.max_tokens;

  EventQueue events;
  const auto id = client.generate(std::move(request), events.sink());
  if (!id) return fail(id.error());
  if (started) started(*id);
  for (;;) {
    node::Event event = events.pop();
    if (auto* const delta = std::get_if<node::Delta>(&event)) {
      answer.text += delta->text;
      answer.tokens.insert(answer.tokens.end(), delta->tokens.begin(), delta->tokens.end());
      if (!delta->text.empty()) show(delta->text);
    } else if (auto* const finished = std::get_if<node::Finished>(&event)) {
      answer.finished = *finished;
      return answer;
    } else if (auto* const error = std::get_if<Error>(&event)) {
      return fail(std::move(*error));
    }
  }
}

std::string speed_line(const Answer& answer) {
  return fmt::format("[{} tokens at {:.1f} tokens/s; prompt of {} in {:.2f} s]",
                     answer.finished.completion_tokens, tokens_per_second(answer),
                     answer.finished.prompt_tokens, answer.finished.prefill_s);
}

nlohmann::ordered_json answer_json(const Answer& answer) {
  return {{"text", answer.text},
          {"tokens", answer.tokens},
          {"finish_reason", answer.finished.reason == node::FinishReason::kStop ? "stop" : "length"},
          {"seed", answer.seed},
          {"prompt_tokens", answer.finished.prompt_tokens},
          {"cached_tokens", answer.finished.cached_tokens},
          {"completion_tokens", answer.finished.completion_tokens},
          {"prefill_s", answer.finished.prefill_s},
          {"decode_s", answer.finished.decode_s},
          {"tokens_s", tokens_per_second(answer)}};
}

}  // namespace zswarm::tools
