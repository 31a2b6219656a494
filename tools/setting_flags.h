// The table of settings.h as options of a subcommand, and everything that can be set put together: file,
// environment, flags.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "tools/settings.h"

namespace zswarm::tools {

class SettingFlags {
 public:
  /// Adds those that `wanted` says, and --config. This object outlives the parsing.
  void add_to(CLI::App& command, const std::function<bool(const Setting&)>& wanted);

  /// After parsing: flags over environment over file. kInvalidArgument is wrong usage.
  [[nodiscard]] Result<Settings> settings() const;

 private:
  std::string config_file_;
  std::map<std::string_view, std::string> texts_;  // by setting; only those that were given
  std::map<std::string_view, bool> switches_;
};

}  // namespace zswarm::tools
