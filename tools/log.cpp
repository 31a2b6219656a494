#include "tools/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

namespace zswarm::tools {

namespace {

/// The message as a JSON string, quotes included.
class JsonMessage : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const nlohmann::json text = std::string(message.payload.data(), message.payload.size());
    const std::string quoted = text.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    out.append(quoted.data(), quoted.data() + quoted.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessage>();
  }
};

/// spdlog's own reader calls it "warning".
spdlog::level::level_enum level_of(const std::string& name) {
  return name == "warn" ? spdlog::level::warn : spdlog::level::from_str(name);
}

}  // namespace

void set_up_log(const std::string& level, bool json) {
  auto logger = spdlog::stderr_color_mt("zswarm");
  if (json) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    formatter->add_flag<JsonMessage>('*').set_pattern(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%*})");
    logger->set_formatter(std::move(formatter));
  } else {
    logger->set_pattern("%H:%M:%S %^%l%$ %v");
  }
  logger->set_level(level_of(level));
  spdlog::set_default_logger(std::move(logger));
}

std::shared_ptr<spdlog::logger> bus_log(const std::string& level) {
  auto logger = spdlog::default_logger()->clone("bus");
  logger->set_level(level_of(level));
  return logger;
}

}  // namespace zswarm::tools
