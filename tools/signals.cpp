#include "tools/signals.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "tools/command.h"
#include "tools/output.h"

namespace zswarm::tools {

namespace {

sigset_t stop_set() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

StopSignals& StopSignals::instance() {
  static auto* const instance = new StopSignals;  // never destroyed: its thread runs until the process ends
  return *instance;
}

StopSignals::StopSignals() {
  const sigset_t set = stop_set();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  std::thread([this] { watch(); }).detach();
}

void StopSignals::set_handler(Handler handler) {
  const std::lock_guard lock(mutex_);
  handler_ = std::move(handler);
  count_ = 0;
}

void StopSignals::set_unfinished_file(std::string path) {
  const std::lock_guard lock(mutex_);
  unfinished_file_ = std::move(path);
}

void StopSignals::watch() {
  const sigset_t set = stop_set();
  for (;;) {
    int number = 0;
    if (sigwait(&set, &number) != 0) continue;
    const std::lock_guard lock(mutex_);
    if (handler_ && handler_(number, ++count_)) continue;
    if (!unfinished_file_.empty()) unlink(unfinished_file_.c_str());
    std::_Exit(report(fmt::format("stopped by {}.", number == SIGINT ? "Ctrl-C" : "SIGTERM")));
  }
}

void restore_default_signals() {
  const sigset_t set = stop_set();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_DFL);
}

}  // namespace zswarm::tools
