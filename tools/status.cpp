// zswarm status and zswarm nodes: who is in the network, as seen from a node of it.
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "tools/command.h"
#include "tools/look.h"
#include "tools/output.h"
#include "tools/status_text.h"

namespace zswarm::tools {

namespace {

int show(const LookFlags& look, bool members_only) {
  const auto status = look.status();
  if (!status) return report(status.error());
  const nlohmann::json& shown = members_only ? status->at("members") : *status;
  if (look.json()) {
    put_json(nlohmann::ordered_json(shown));
  } else {
    put(members_only ? members_text(shown) : status_text(shown));
  }
  flush();
  return kDone;
}

void add(CLI::App& app, Action& action, const char* name, const char* help, const char* examples,
         bool members_only) {
  auto look = std::make_shared<LookFlags>();
  CLI::App* command = app.add_subcommand(name, help);
  look->add_to(*command);
  command->footer(examples);
  command->callback(
      [look, members_only, &action] { action = [look, members_only] { return show(*look, members_only); }; });
}

}  // namespace

void add_status(CLI::App& app, Action& action) {
  add(app, action, "status", "Show this machine's node and its network",
      "Example:\n  zswarm status\n  zswarm status --token home.token --bootstrap 192.0.2.7:7000 --json",
      false);
}

void add_nodes(CLI::App& app, Action& action) {
  add(app, action, "nodes", "List the network's nodes: state, addresses, keys, models, load",
      "Example:\n  zswarm nodes\n  zswarm nodes --json", true);
}

}  // namespace zswarm::tools
