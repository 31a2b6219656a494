// zswarm generate: goes on with a text, from the terminal or in a pipe.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/answer.h"
#include "tools/command.h"
#include "tools/files.h"
#include "tools/output.h"

namespace zswarm::tools {

namespace {

struct GenerateOptions {
  AnswerOptions answer;
  std::optional<std::string> prompt;
};

constexpr std::size_t kMaxPromptBytes = std::size_t{64} << 20;

int generate(const GenerateOptions& options) {
  auto text = options.prompt ? Result<std::string>(*options.prompt) : read_text({}, kMaxPromptBytes);
  if (!text) return report(text.error());
  const auto node = start_node(options.answer);
  if (!node) return report(node.error());
  auto prompt = (*node)->tokenize({}, *text, true, true);
  if (!prompt) return report(prompt.error());
  if (prompt->empty()) return report_usage("The prompt is empty; give one with -p or on standard input.");

  const auto show = [&options](const std::string& piece) {
    if (options.answer.json) return;
    put(piece);
    flush();
  };
  const auto answer = generate_answer(**node, std::move(*prompt), options.answer, show);
  if (!options.answer.json) show("\n");
  if (!answer) return report(answer.error());
  if (options.answer.json) {
    put_json(answer_json(*answer));
  } else {
    std::fputs((speed_line(*answer) + "\n").c_str(), stderr);
  }
  return kDone;
}

}  // namespace

void add_generate(CLI::App& app, Action& action) {
  auto options = std::make_shared<GenerateOptions>();
  CLI::App* command = app.add_subcommand("generate", "Go on with a text");
  options->answer.max_tokens = 128;
  add_answer_options(*command, options->answer);
  command->add_option("-p,--prompt", options->prompt, "The text to go on with (standard input)");
  command->add_flag("--json", options->answer.json,
                    "Print one JSON object at the end: text, tokens, finish_reason, seed…");
  command->footer("Example:\n  zswarm generate model.gguf -p 'Once upon a time' -n 64 --seed 1");
  command->callback([options, &action] { action = [options] { return generate(*options); }; });
}

}  // namespace zswarm::tools
