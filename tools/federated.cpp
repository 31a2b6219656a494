// zswarm federated: an entry without models of its own: a gateway whose requests the network's nodes answer,
// until Ctrl-C or SIGTERM.
#include <spdlog/spdlog.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tools/announced_file.h"
#include "tools/command.h"
#include "tools/file_limit.h"
#include "tools/http_service.h"
#include "tools/log.h"
#include "tools/membership.h"
#include "tools/network_client.h"
#include "tools/output.h"
#include "tools/setting_flags.h"

namespace zswarm::tools {

namespace {

struct FederatedOptions {
  SettingFlags flags;
  NetworkFlags network;
  std::string ready_out;
};

bool is_for_entries(const Setting& setting) {
  static constexpr std::string_view kNames[] = {"http", "api-keys", "open", "grace",
                                                "allow-template-override"};
  return is_for_every_node(setting) ||
         std::find(std::begin(kNames), std::end(kNames), setting.name) != std::end(kNames);
}

int serve(const FederatedOptions& options) {
  auto settings = options.flags.settings();
  if (!settings) {
    report(settings.error());
    return settings.error().code == ErrorCode::kInvalidArgument ? kUsage : kFailed;
  }
  set_up_log(settings->log_level, settings->log_json);
  raise_file_limit();
  if (auto loaded = load_keys(*settings); !loaded) return report(loaded.error());

  NetworkClient client(federation_options(*settings, nullptr));
  ServerThreads threads(client.federation(), settings->http);
  if (auto listening = threads.server().listen(); !listening) return report(listening.error());
  auto membership = Membership::join(*settings, options.network,
                                     {.roles = {"entry"}, .models = {}, .federation = &client.federation()});
  if (!membership) return report(membership.error());
  threads.start();
  (*membership)->say_how_to_join();
  nlohmann::ordered_json ready = (*membership)->ready_json();
  ready["http"] = threads.server().address();
  const auto ready_file = AnnouncedFile::write(options.ready_out, std::move(ready));
  if (!ready_file) return report(ready_file.error());
  spdlog::info("node {} takes requests on http://{}; Ctrl-C stops", (*membership)->network().id().text(),
               threads.server().address());
  serve_until_signal(threads, *settings);
  membership->reset();
  spdlog::info("stopped");
  return kDone;
}

}  // namespace

void add_federated(CLI::App& app, Action& action) {
  auto options = std::make_shared<FederatedOptions>();
  CLI::App* command =
      app.add_subcommand("federated", "Serve a network's models over HTTP, without one of its own");
  options->network.add_to(*command);
  options->flags.add_to(*command, is_for_entries);
  command
      ->add_option("--ready-out", options->ready_out,
                   "Write pid, node and addresses here as JSON once it takes requests")
      ->option_text("FILE");
  command->footer(
      "Example:\n  TOKEN=… zswarm federated\n"
      "  zswarm federated --token home.token --http 0.0.0.0:8080 --api-keys keys.txt");
  command->callback([options, &action] { action = [options] { return serve(*options); }; });
}

}  // namespace zswarm::tools
