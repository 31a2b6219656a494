// The subcommands of zswarm token that live in a file of their own.
#pragma once

#include "tools/command.h"

namespace zswarm::tools {

void add_token_rotate(CLI::App& app, Action& action);
void add_token_client(CLI::App& app, Action& action);

}  // namespace zswarm::tools
