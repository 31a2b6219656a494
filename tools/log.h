// Where logs go: standard error, as text for people or as one JSON object per line for log shippers.
#pragma once

#include <string>

namespace zswarm::tools {

/// Sets up the process's logger. `level` is one of spdlog's names, which setting_table() has checked. Call
/// before threads start.
void set_up_log(const std::string& level, bool json);

}  // namespace zswarm::tools
