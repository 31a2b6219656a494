// Where logs go: standard error, as text for people or as one JSON object per line for log shippers.
#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <string>

namespace zswarm::tools {

/// Sets up the process's logger. `level` is one of spdlog's names, which setting_table() has checked. Call
/// before threads start.
void set_up_log(const std::string& level, bool json);

/// A logger for what concerns the network, with a level of its own; it writes where the process's does.
[[nodiscard]] std::shared_ptr<spdlog::logger> bus_log(const std::string& level);

}  // namespace zswarm::tools
