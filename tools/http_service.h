// What `run` and `federated` have in common: a gateway that serves until it is told to stop.
#pragma once

#include <spdlog/spdlog.h>

#include <chrono>

#include "tools/server_threads.h"
#include "tools/settings.h"
#include "tools/signals.h"

namespace zswarm::tools {

/// At the first signal no new request is taken and running ones may go on for the grace period; at the second
/// they are told that the server stops; at the third the process ends. Returns when all have ended.
inline void serve_until_signal(ServerThreads& threads, const Settings& settings) {
  StopSignals::instance().set_handler([&](int, int count) {
    if (count > 2) return false;
    const std::uint32_t grace_s = count == 1 ? settings.grace_s : 0;
    spdlog::info("stopping: running requests have {} s; Ctrl-C again ends them", grace_s);
    threads.server().shutdown(std::chrono::seconds(grace_s));
    return true;
  });
  threads.join();
  StopSignals::instance().set_handler({});
}

/// The keys of --api-keys into the server's options.
[[nodiscard]] inline Status load_keys(Settings& settings) {
  if (settings.api_keys.empty()) return {};
  auto keys = gateway::ApiKeys::load(settings.api_keys);
  if (!keys) return fail(std::move(keys.error()));
  settings.http.keys = std::move(*keys);
  return {};
}

}  // namespace zswarm::tools
