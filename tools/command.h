// How a subcommand joins the command line: one file per subcommand, one function that describes its options
// to CLI11 and says what to do once they are parsed. main.cpp calls them all, parses, and runs the one that
// was asked for.
//
// Exit statuses: 0 done; 1 it failed, one sentence on standard error says what and what to do; 2 wrong usage.
// Data go to standard output (output.h), logs to standard error.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace zswarm::tools {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;

/// What runs after parsing; returns the exit status.
using Action = std::function<int()>;

void add_run(CLI::App& app, Action& action);
void add_chat(CLI::App& app, Action& action);
void add_generate(CLI::App& app, Action& action);
void add_tokenize(CLI::App& app, Action& action);
void add_perplexity(CLI::App& app, Action& action);
void add_inspect(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_federated(CLI::App& app, Action& action);
void add_worker(CLI::App& app, Action& action);
void add_status(CLI::App& app, Action& action);
void add_nodes(CLI::App& app, Action& action);
void add_top(CLI::App& app, Action& action);
void add_token(CLI::App& app, Action& action);
void add_trace(CLI::App& app, Action& action);
void add_revoke(CLI::App& app, Action& action);
void add_simulate(CLI::App& app, Action& action);
void add_config(CLI::App& app, Action& action);

}  // namespace zswarm::tools
