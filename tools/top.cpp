// zswarm top: the network's state, again and again, until Ctrl-C.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "tools/command.h"
#include "tools/look.h"
#include "tools/output.h"
#include "tools/signals.h"
#include "tools/status_text.h"

namespace zswarm::tools {

namespace {

using Clock = std::chrono::steady_clock;
constexpr const char* kHomeAndClear = "\x1b[H\x1b[J";

struct TopOptions {
  LookFlags look;
  double interval_s = 1;
  std::uint32_t count = 0;  // 0: until stopped
};

/// Waits until the next look is due; false once the program shall stop.
class Pause {
 public:
  Pause() {
    StopSignals::instance().set_handler([this](int, int count) {
      if (count > 1) return false;
      const std::lock_guard lock(mutex_);
      stop_ = true;
      changed_.notify_all();
      return true;
    });
  }
  ~Pause() { StopSignals::instance().set_handler({}); }

  bool until(Clock::time_point due) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_until(lock, due, [this] { return stop_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
};

/// Bytes a second since the last look.
class Rates {
 public:
  nlohmann::ordered_json of(const nlohmann::json& status, Clock::time_point now) {
    const nlohmann::json& traffic = status.at("traffic");
    const double in = traffic.value("in_bytes", 0.0), out = traffic.value("out_bytes", 0.0);
    const double seconds = std::chrono::duration<double>(now - at_).count();
    nlohmann::ordered_json rates = {{"in_bytes_s", nullptr}, {"out_bytes_s", nullptr}};
    if (at_ != Clock::time_point() && in >= in_ && out >= out_ && seconds > 0)
      rates = {{"in_bytes_s", (in - in_) / seconds}, {"out_bytes_s", (out - out_) / seconds}};
    at_ = now, in_ = in, out_ = out;
    return rates;
  }

 private:
  Clock::time_point at_;
  double in_ = 0, out_ = 0;
};

void show(const TopOptions& options, const nlohmann::json& status, const nlohmann::ordered_json& rates) {
  if (options.look.json()) {
    nlohmann::ordered_json line = status;
    line["rates"] = rates;
    put_json(line);
  } else {
    if (isatty(STDOUT_FILENO) != 0) put(kHomeAndClear);
    put(status_text(status));
    if (rates["in_bytes_s"].is_number()) {
      put(fmt::format("\nnow      {}/s in, {}/s out\n", bytes_text(rates["in_bytes_s"].get<double>()),
                      bytes_text(rates["out_bytes_s"].get<double>())));
    }
  }
  flush();
}

int top(const TopOptions& options) {
  Pause pause;
  Rates rates;
  const auto interval =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.interval_s));
  auto due = Clock::now();
  for (std::uint32_t shown = 0; options.count == 0 || shown < options.count; ++shown) {
    if (!pause.until(due)) break;
    const auto status = options.look.status();
    if (!status) return report(status.error());
    show(options, *status, rates.of(*status, Clock::now()));
    due = std::max(due + interval, Clock::now());
  }
  return kDone;
}

}  // namespace

void add_top(CLI::App& app, Action& action) {
  auto options = std::make_shared<TopOptions>();
  CLI::App* command = app.add_subcommand("top", "Watch the network: members, load, links, bytes");
  options->look.add_to(*command);
  command->add_option("--interval", options->interval_s, "Seconds between two looks (1)")
      ->check(CLI::Range(0.1, 3600.0))
      ->option_text("SECONDS");
  command->add_option("-n,--count", options->count, "Stop after so many looks (never)")->option_text("N");
  command->footer("Example:\n  zswarm top\n  zswarm top --json -n 3");
  command->callback([options, &action] { action = [options] { return top(*options); }; });
}

}  // namespace zswarm::tools
