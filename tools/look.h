// How a command sees a network: through the node that runs on this machine, or, given a token, from outside,
// as a visitor who joins, looks and leaves.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "kernels/base/error.h"

namespace zswarm::tools {

class LookFlags {
 public:
  /// --data, --token, --bootstrap and --json.
  void add_to(CLI::App& command);

  /// What status_json() says. Takes up to some seconds from outside.
  [[nodiscard]] Result<nlohmann::json> status() const;
  [[nodiscard]] bool json() const { return json_; }

 private:
  std::string data_, token_;
  std::vector<std::string> bootstrap_;
  bool json_ = false;
};

}  // namespace zswarm::tools
