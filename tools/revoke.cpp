// zswarm revoke: shuts one node out of the network, everywhere, without touching the others.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "tools/command.h"
#include "tools/data_path.h"
#include "tools/local_socket.h"
#include "tools/output.h"

namespace zswarm::tools {

namespace {

struct RevokeOptions {
  std::string node, reason, data;
  bool json = false;
};

int revoke(const RevokeOptions& options) {
  const auto folder = data_path(options.data);
  if (!folder) return report(folder.error());
  const auto answer = ask_local_node(
      *folder, {{"do", "revoke"}, {"node", options.node}, {"reason", options.reason}}, kLocalPatience);
  if (!answer) return report(answer.error());
  if (options.json) {
    put_json(nlohmann::ordered_json(*answer));
  } else {
    put(
        fmt::format("Node {} is shut out: members cut it off within seconds, those that are away as soon as "
                    "they come back.\n",
                    answer->value("node", "")));
    put("It still has the token. If it must not make itself a new identity: zswarm token rotate\n");
  }
  flush();
  return kDone;
}

}  // namespace

void add_revoke(CLI::App& app, Action& action) {
  auto options = std::make_shared<RevokeOptions>();
  CLI::App* command = app.add_subcommand("revoke", "Shut a node out of the network");
  command->add_option("NODE", options->node, "Its name, its id, or the beginning of its id")->required();
  command->add_option("--reason", options->reason, "One sentence for the others' logs")->option_text("TEXT");
  command
      ->add_option("--data", options->data,
                   "Data folder of the node to ask (ZSWARM_DATA, or the XDG data folder)")
      ->option_text("DIR");
  command->add_flag("--json", options->json, "Print one JSON object: node");
  command->footer("Example:\n  zswarm revoke old-laptop\n  zswarm revoke 7k3m --reason \"sold on Sunday\"");
  command->callback([options, &action] { action = [options] { return revoke(*options); }; });
}

}  // namespace zswarm::tools
