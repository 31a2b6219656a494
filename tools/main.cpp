// zswarm, the command: describes all subcommands to the parser, runs the one that was asked for.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>

#include "kernels/simd/cpu.h"
#include "node/chat_process.h"
#include "tools/command.h"
#include "tools/output.h"
#include "tools/signals.h"

namespace {

using namespace zswarm;

/// The subcommand that was being parsed, for the hint: "zswarm chat", or "zswarm".
std::string parsed_command(const CLI::App& app) {
  const auto subcommands = app.get_subcommands();
  return subcommands.empty() ? app.get_name() : app.get_name() + " " + subcommands.front()->get_name();
}

int usage_error(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  const std::string tried = argc > 1 ? argv[1] : "";
  if (app.get_subcommands().empty() && !tried.empty() && tried.front() != '-') {
    return tools::report_usage(fmt::format("There is no command '{}'; see zswarm --help.", tried));
  }
  std::string what = error.what();
  if (const auto line_end = what.find('\n'); line_end != std::string::npos) what.resize(line_end);
  const std::string command = parsed_command(app);
  return tools::report_usage(fmt::format("{}; see {} --help.", what, command));
}

}  // namespace

int main(int argc, char** argv) {
  // First of all: this process may be the child that renders chat templates, with hard limits.
  if (const auto status = node::run_if_chat_sandbox(argc, argv)) return *status;

  CLI::App app(
      "Serves language models from GGUF files on this machine: an OpenAI-compatible HTTP server and a "
      "terminal client.",
      "zswarm");
  app.set_version_flag("--version", "zswarm " ZSWARM_VERSION);
  app.require_subcommand(1);
  app.footer("Example:\n  zswarm run model.gguf\nEach command has its own --help.");

  tools::Action action;
  tools::add_run(app, action);
  tools::add_federated(app, action);
  tools::add_worker(app, action);
  tools::add_chat(app, action);
  tools::add_generate(app, action);
  tools::add_tokenize(app, action);
  tools::add_perplexity(app, action);
  tools::add_inspect(app, action);
  tools::add_bench(app, action);
  tools::add_status(app, action);
  tools::add_nodes(app, action);
  tools::add_top(app, action);
  tools::add_token(app, action);
  tools::add_trace(app, action);
  tools::add_revoke(app, action);
  tools::add_simulate(app, action);
  tools::add_config(app, action);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success) == 0 ? tools::kDone : tools::kFailed;
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error, argc, argv);
  }
  if (const auto chosen = simd::choose_isa_from_environment(); !chosen)
    return tools::report_usage(chosen.error().message);
  tools::StopSignals::instance();
  return action();
}
