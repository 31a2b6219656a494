#include "tools/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/command.h"

namespace zswarm::tools {

namespace {

[[noreturn]] void end_after_write_error(int error) {
  // std::_Exit: stdio must not try to write the rest again, and nothing here needs unwinding.
  if (error == EPIPE) std::_Exit(kDone);
  std::_Exit(report(fmt::format("standard output cannot be written: {}.", std::strerror(error))));
}

}  // namespace

void put(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) end_after_write_error(errno);
}

void flush() {
  if (std::fflush(stdout) != 0) end_after_write_error(errno);
}

void put_json(const nlohmann::ordered_json& value) {
  put(value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  put("\n");
  flush();
}

int report(std::string_view sentence) {
  constexpr std::size_t kMaxBytes = 2000;
  const std::string line = "zswarm: " + printable(sentence, kMaxBytes) + "\n";
  std::fputs(line.c_str(), stderr);
  return kFailed;
}

int report(const Error& error) {
  return report(error.message);
}

int report_usage(std::string_view sentence) {
  report(sentence);
  return kUsage;
}

bool stderr_is_terminal() {
  return isatty(STDERR_FILENO) == 1;
}

ProgressBar::ProgressBar(std::string_view title) : title_(title), active_(stderr_is_terminal()) {}

ProgressBar::~ProgressBar() {
  wipe();
}

void ProgressBar::wipe() {
  if (shown_percent_ >= 0) std::fputs("\r\x1b[K", stderr);
  shown_percent_ = -1;
}

void ProgressBar::show(double share) {
  const int percent = static_cast<int>(std::clamp(share, 0.0, 1.0) * 100);
  if (!active_ || percent == shown_percent_) return;
  shown_percent_ = percent;
  constexpr int kWidth = 30;
  const auto filled = static_cast<std::size_t>(kWidth * percent / 100);
  const std::string line =
      fmt::format("\r\x1b[K{}  [{:<{}}] {:3} %", title_, std::string(filled, '#'), kWidth, percent);
  std::fputs(line.c_str(), stderr);
}

}  // namespace zswarm::tools
