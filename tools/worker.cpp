// zswarm worker: a member of the network without models or HTTP of its own, until Ctrl-C or SIGTERM.
#include <spdlog/spdlog.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/announced_file.h"
#include "tools/command.h"
#include "tools/file_limit.h"
#include "tools/log.h"
#include "tools/membership.h"
#include "tools/output.h"
#include "tools/setting_flags.h"
#include "tools/signals.h"

namespace zswarm::tools {

namespace {

struct WorkerOptions {
  SettingFlags flags;
  NetworkFlags network;
  std::string ready_out;
};

/// Until the first signal; a second one ends the program at once.
void wait_for_signal() {
  std::mutex mutex;
  std::condition_variable changed;
  bool stop = false;
  StopSignals::instance().set_handler([&](int, int count) {
    if (count > 1) return false;
    const std::lock_guard lock(mutex);
    stop = true;
    changed.notify_all();
    return true;
  });
  std::unique_lock lock(mutex);
  changed.wait(lock, [&stop] { return stop; });
  lock.unlock();
  StopSignals::instance().set_handler({});
}

int work(const WorkerOptions& options) {
  const auto settings = options.flags.settings();
  if (!settings) {
    report(settings.error());
    return settings.error().code == ErrorCode::kInvalidArgument ? kUsage : kFailed;
  }
  set_up_log(settings->log_level, settings->log_json);
  raise_file_limit();
  auto membership = Membership::join(*settings, options.network, {.roles = {"work"}, .models = {}});
  if (!membership) return report(membership.error());
  (*membership)->say_how_to_join();
  {
    const auto ready = AnnouncedFile::write(options.ready_out, (*membership)->ready_json());
    if (!ready) return report(ready.error());
    spdlog::info("node {}; Ctrl-C leaves the network", (*membership)->network().id().text());
    wait_for_signal();
  }
  membership->reset();
  spdlog::info("left");
  return kDone;
}

}  // namespace

void add_worker(CLI::App& app, Action& action) {
  auto options = std::make_shared<WorkerOptions>();
  CLI::App* command = app.add_subcommand("worker", "Join a network and offer this machine to it");
  options->network.add_to(*command);
  options->flags.add_to(*command, is_for_every_node);
  command
      ->add_option("--ready-out", options->ready_out,
                   "Write pid, node and sockets here as JSON once it is on the network")
      ->option_text("FILE");
  command->footer(
      "Example:\n  TOKEN=… zswarm worker\n  zswarm worker --token home.token --bootstrap 192.0.2.7:7000 "
      "--label gpu=true");
  command->callback([options, &action] { action = [options] { return work(*options); }; });
}

}  // namespace zswarm::tools
