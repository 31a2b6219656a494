// zswarm tokenize: the token ids of a text.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "kernels/gguf/reader.h"
#include "kernels/tokenizer/tokenizer.h"
#include "tools/command.h"
#include "tools/files.h"
#include "tools/output.h"

namespace zswarm::tools {

namespace {

struct TokenizeOptions {
  std::string model;
  std::string file;
  bool no_special = false;
  bool json = false;
};

int tokenize(const TokenizeOptions& options) {
  const auto reader = gguf::Reader::open(options.model);
  if (!reader) return report(reader.error());
  const auto tokenizer = tokenizer::Tokenizer::from_gguf(*reader);
  if (!tokenizer) return report(tokenizer.error());
  const auto text = read_text(options.file, kTextBytesMax);
  if (!text) return report(text.error());
  const bool special = !options.no_special;
  const auto tokens = (*tokenizer)->encode(*text, {.add_special = special, .parse_special = special});
  if (!tokens) return report(tokens.error());
  if (options.json) {
    put_json({{"tokens", *tokens}});
  } else {
    put(fmt::format("{}\n", fmt::join(*tokens, " ")));
    flush();
  }
  return kDone;
}

}  // namespace

void add_tokenize(CLI::App& app, Action& action) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* command = app.add_subcommand("tokenize", "Print the token ids of a text");
  command->add_option("MODEL", options->model, "GGUF file; a vocabulary without tensors is enough")
      ->required();
  command->add_option("-f,--file", options->file, "Read the text from here instead of standard input");
  command->add_flag("--no-special", options->no_special,
                    "Add no BOS or EOS, and take special tokens written in the text as plain text");
  command->add_flag("--json", options->json, "Print one JSON object: tokens");
  command->footer("Example:\n  printf 'Hello world' | zswarm tokenize model.gguf");
  command->callback([options, &action] { action = [options] { return tokenize(*options); }; });
}

}  // namespace zswarm::tools
