// zswarm run: a node with these models and the HTTP gateway, until Ctrl-C or SIGTERM.
//
// The port is taken before the weights are loaded, so that a taken one is known at once; /health says when a
// model is ready. At the first signal no new request is taken and running ones may go on for the grace
// period; at the second they are told that the server stops; at the third the process ends.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <vector>

#include "gateway/auth/api_keys.h"
#include "kernels/simd/cpu.h"
#include "node/node.h"
#include "tools/announced_file.h"
#include "tools/command.h"
#include "tools/file_limit.h"
#include "tools/files.h"
#include "tools/http_service.h"
#include "tools/log.h"
#include "tools/membership.h"
#include "tools/network_client.h"
#include "tools/output.h"
#include "tools/server_threads.h"
#include "tools/setting_flags.h"
#include "tools/settings.h"
#include "tools/signals.h"

namespace zswarm::tools {

namespace {

namespace fs = std::filesystem;

struct RunOptions {
  std::vector<std::string> models;
  std::vector<std::string> aliases;
  std::string ready_out;
  NetworkFlags network;
  SettingFlags flags;
};

Result<Settings> settings_of(const RunOptions& options) {
  auto settings = options.flags.settings();
  if (!settings) return settings;
  for (const std::string& alias : options.aliases) {
    if (auto done = add_alias(*settings, alias); !done)
      return fail(done.error().code, fmt::format("--alias: {}", done.error().message));
  }
  if (!options.models.empty()) settings->models = options.models;
  if (settings->models.empty() && settings->aliases.empty() && settings->models_dir.empty()) {
    return fail(
        ErrorCode::kInvalidArgument,
        "Which model? Name a GGUF file, or a folder of them with --models-dir; see zswarm run --help.");
  }
  return settings;
}

/// Models in the order given; an alias of one of them names it, others follow.
std::vector<node::ModelSource> sources_of(const Settings& settings) {
  std::vector<node::ModelSource> sources;
  for (const std::string& file : settings.models) sources.push_back({.file = file, .alias = {}});
  for (const auto& [name, file] : settings.aliases) {
    const auto same = std::find_if(
        sources.begin(), sources.end(),
        [&file = file](const node::ModelSource& s) { return s.file == file && s.alias.empty(); });
    if (same != sources.end()) {
      same->alias = name;
    } else {
      sources.push_back({.file = file, .alias = name});
    }
  }
  return sources;
}

/// What is left for KV caches below --max-memory once the weights are loaded (they take about their file's
/// size).
Result<std::uint64_t> kv_memory(const Settings& settings, const std::vector<node::ModelSource>& sources) {
  if (settings.max_memory_bytes == 0) return std::uint64_t{0};
  std::uint64_t weights = 0;
  std::error_code ignored;  // a file that cannot be read is named when it is opened
  const auto add = [&weights, &ignored](const fs::path& file) {
    const auto size = fs::file_size(file, ignored);
    if (!ignored) weights += size;
  };
  for (const auto& source : sources) add(source.file);
  if (!settings.models_dir.empty()) {
    for (const auto& entry : fs::directory_iterator(settings.models_dir, ignored)) {
      if (entry.path().extension() == ".gguf") add(entry.path());
    }
  }
  if (weights >= settings.max_memory_bytes) {
    return fail(ErrorCode::kOutOfMemory,
                fmt::format("--max-memory of {} bytes is too little: the model files alone have {} bytes.",
                            settings.max_memory_bytes, weights));
  }
  return settings.max_memory_bytes - weights;
}

Result<node::NodeOptions> node_options(const Settings& settings) {
  node::NodeOptions options;
  options.models = sources_of(settings);
  options.models_dir = settings.models_dir;
  options.threads = settings.threads;
  options.engine.context_tokens = settings.context;
  if (settings.parallel != 0) options.engine.max_running = settings.parallel;
  const auto kv = kv_memory(settings, options.models);
  if (!kv) return fail(kv.error());
  options.kv_memory_bytes = *kv;
  return options;
}

nlohmann::ordered_json ready_json(const gateway::Server& server, const node::Node& node,
                                  Membership* network) {
  auto models = nlohmann::ordered_json::array();
  for (const node::ModelCard& card : node.models()) models.push_back(card.id);
  nlohmann::ordered_json ready = network != nullptr ? network->ready_json() : ready_json_without_network();
  ready["http"] = server.address();
  ready["models"] = models;
  return ready;
}

/// The network that the node takes part in, if it has a federation to be part of.
Result<std::unique_ptr<Membership>> join(const RunOptions& options, const Settings& settings,
                                         const node::Node& node, node::Federation* federation) {
  if (federation == nullptr) return std::unique_ptr<Membership>();
  Presence presence{.roles = {"serve"}, .models = {}, .federation = federation};
  for (const node::ModelCard& card : node.models()) presence.models.push_back(card.id);
  return Membership::join(settings, options.network, std::move(presence));
}

int run(const RunOptions& options) {
  auto settings = settings_of(options);
  if (!settings) {
    report(settings.error());
    return settings.error().code == ErrorCode::kInvalidArgument ? kUsage : kFailed;
  }
  set_up_log(settings->log_level, settings->log_json);
  raise_file_limit();
  if (auto loaded = load_keys(*settings); !loaded) return report(loaded.error());
  auto node_options = tools::node_options(*settings);
  if (!node_options) return report(node_options.error());

  // Until something is served, a signal simply ends the program.
  StopSignals::instance().set_handler([](int, int) -> bool { std::_Exit(kDone); });
  ProgressBar bar("Loading");
  node_options->progress = [&bar](std::string_view, std::uint64_t done, std::uint64_t total) {
    if (total != 0) bar.show(static_cast<double>(done) / static_cast<double>(total));
  };
  const auto started = std::chrono::steady_clock::now();
  const auto node = node::Node::start(std::move(*node_options));
  if (!node) return report(node.error());
  for (const Error& skipped : (*node)->skipped()) spdlog::warn("not served: {}", skipped.message);

  std::unique_ptr<NetworkClient> network_client;
  if (settings->network.p2p || options.network.is_given())
    network_client = std::make_unique<NetworkClient>(federation_options(*settings, node->get()));
  node::Federation* const federation = network_client ? &network_client->federation() : nullptr;
  node::Client& client = federation != nullptr ? static_cast<node::Client&>(*federation) : **node;

  ServerThreads threads(client, settings->http);
  if (auto listening = threads.server().listen(); !listening) return report(listening.error());
  threads.start();
  const auto network = join(options, *settings, **node, federation);
  if (!network) return report(network.error());
  if (auto ready = (*node)->wait_ready(); !ready) return report(ready.error());
  bar.wipe();

  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  for (const node::ModelCard& card : (*node)->models()) {
    spdlog::info("model {} is ready: context of {} tokens", printable(card.id), card.context_length);
  }
  spdlog::info("serving on http://{} with {}, ready after {:.2f} s; Ctrl-C stops", threads.server().address(),
               simd::isa_name(simd::active_isa()), seconds);
  if (*network) (*network)->say_how_to_join();
  const auto ready_file =
      AnnouncedFile::write(options.ready_out, ready_json(threads.server(), **node, network->get()));
  if (!ready_file) return report(ready_file.error());
  serve_until_signal(threads, *settings);
  (*node)->stop(0);
  spdlog::info("stopped");
  return kDone;
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "Serve models over HTTP, for any OpenAI client");
  command->add_option("MODEL", options->models, "GGUF files; the first is the default model");
  command->add_option("--alias", options->aliases, "Another name for a model, NAME=FILE (may be repeated)")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  options->flags.add_to(*command, [](const Setting&) { return true; });
  options->network.add_to(*command);
  command
      ->add_option("--ready-out", options->ready_out,
                   "Write pid, node and addresses here as JSON once it serves")
      ->option_text("FILE");
  command->footer(
      "Example:\n  zswarm run model.gguf\n"
      "  zswarm run --models-dir models --http 0.0.0.0:8080 --api-keys keys.txt");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace zswarm::tools
