// zswarm token rotate and zswarm token client: what changes who may come in. Both ask the node that runs
// here.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "bus/keys/curve.h"
#include "tools/command.h"
#include "tools/data_path.h"
#include "tools/files.h"
#include "tools/lifetime.h"
#include "tools/local_socket.h"
#include "tools/output.h"
#include "tools/token_commands.h"

namespace zswarm::tools {

namespace {

constexpr const char* kDataHelp = "Data folder of the node to ask (ZSWARM_DATA, or the XDG data folder)";

struct RotateOptions {
  std::string expires, data;
  bool json = false;
};

struct ClientOptions {
  std::string out, name = "client", data;
};

int rotate(const RotateOptions& options) {
  nlohmann::ordered_json request = {{"do", "rotate"}};
  if (!options.expires.empty()) {
    const auto expires_s = expiry_after(options.expires);
    if (!expires_s) return report_usage(expires_s.error().message);
    request["expires_s"] = *expires_s;
  }
  const auto folder = data_path(options.data);
  if (!folder) return report(folder.error());
  const auto answer = ask_local_node(*folder, request, kLocalPatience);
  if (!answer) return report(answer.error());
  if (options.json) {
    put_json(nlohmann::ordered_json(*answer));
  } else {
    put(answer->value("token", "") + "\n");
  }
  flush();
  if (!options.json) {
    fmt::print(stderr,
               "Epoch {} of network {}. All members but revoked ones are given it and stay; the old token "
               "lets nobody in "
               "any more.\n",
               answer->value("epoch", 0), answer->value("network", ""));
  }
  return kDone;
}

int make_client(const ClientOptions& options) {
  const auto keys = bus::CurveKeyPair::from_seed(bus::Secret<32>::random());
  const std::string public_key = bus::z85_text(keys.public_key);
  const auto folder = data_path(options.data);
  if (!folder) return report(folder.error());
  const auto answer = ask_local_node(
      *folder, {{"do", "client"}, {"public", public_key}, {"name", options.name}}, kLocalPatience);
  if (!answer) return report(answer.error());
  const nlohmann::ordered_json file = {{"id", answer->value("id", "")},
                                       {"public", public_key},
                                       {"secret", bus::z85_text(keys.secret_key).reveal()}};
  if (auto written = write_whole(options.out, file.dump() + "\n", Secrecy::kSecret); !written)
    return report(written.error());
  fmt::print(
      stderr,
      "Client {} may call the network's services with the keys in {}. zswarm nodes --json shows where.\n",
      answer->value("id", ""), shown(options.out));
  return kDone;
}

}  // namespace

void add_token_rotate(CLI::App& app, Action& action) {
  auto options = std::make_shared<RotateOptions>();
  CLI::App* command = app.add_subcommand("rotate", "Give the network a new token; who is in it stays");
  command
      ->add_option("--expires", options->expires,
                   "Until when machines may join with it: 30d, 12h, 45m (for ever)")
      ->option_text("TIME");
  command->add_option("--data", options->data, kDataHelp)->option_text("DIR");
  command->add_flag("--json", options->json, "Print one JSON object: token, network, epoch");
  command->footer("Example:\n  zswarm token rotate > home.token");
  command->callback([options, &action] { action = [options] { return rotate(*options); }; });
}

void add_token_client(CLI::App& app, Action& action) {
  auto options = std::make_shared<ClientOptions>();
  CLI::App* command =
      app.add_subcommand("client", "Let a ZeroMQ program call services without being a member");
  command->add_option("--out", options->out, "Write its keys here as JSON (mode 0600): id, public, secret")
      ->option_text("FILE")
      ->required();
  command->add_option("--name", options->name, "What people call it (client)")->option_text("NAME");
  command->add_option("--data", options->data, kDataHelp)->option_text("DIR");
  command->footer("Example:\n  zswarm token client --out chatbot.json --name chatbot");
  command->callback([options, &action] { action = [options] { return make_client(*options); }; });
}

}  // namespace zswarm::tools
