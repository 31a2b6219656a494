// What `zswarm run` can be told, by flags, by the environment and by a file: one table for all three.
//
// Flags win over the environment, the environment over the file. Every value is checked the same way wherever
// it comes from; an error says where it stands ("--http", "ZSWARM_HTTP", "zswarm.yaml line 3").
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/server.h"
#include "kernels/base/error.h"
#include "node/dispatch/choice.h"
#include "tools/network_settings.h"

namespace zswarm::tools {

struct Settings {
  std::vector<std::string> models;             // GGUF files
  std::map<std::string, std::string> aliases;  // further name -> file
  std::string models_dir;
  gateway::Options http;                            // address and port; its keys come from api_keys
  std::string api_keys;                             // file
  std::uint64_t max_memory_bytes = 0;               // 0: what the machine has
  std::uint32_t threads = 0;                        // 0: one per processor
  std::uint32_t context = 0;                        // 0: the model's own
  std::uint32_t parallel = 0;                       // requests that generate at once; 0: the engine's default
  std::uint32_t grace_s = 8;                        // for running requests at the end
  node::Strategy strategy = node::Strategy::kAuto;  // which node of the network takes a request
  std::string log_level = "info";
  bool log_json = false;
  NetworkSettings network;
};

/// One thing that can be set by a single text.
struct Setting {
  std::string_view name;         // of the flag (without --) and of the key in the file
  std::string_view environment;  // empty: none
  std::string_view value_name;   // "ADDR:PORT"; empty: a switch (true or false)
  std::string_view help;
  std::function<Status(Settings&, std::string_view value)> set;
  bool is_list = false;  // a flag that may be repeated: its values are joined by commas
};

/// All of them, in the order of --help: first those of serving models, then those of the network.
[[nodiscard]] const std::vector<Setting>& setting_table();
/// Those that make sense for a node without models and HTTP too.
[[nodiscard]] bool is_for_every_node(const Setting& setting);

/// Reads a YAML file: keys as in setting_table(), `models` (a list of files) and `aliases` (name: file). The
/// error begins with
/// "<path> line N:".
[[nodiscard]] Status apply_config_file(const std::filesystem::path& path, Settings& settings);

/// Every variable of setting_table(), and ZSWARM_LIMITS (max-memory=4G).
[[nodiscard]] Status apply_environment(Settings& settings);

/// "NAME=FILE".
[[nodiscard]] Status add_alias(Settings& settings, std::string_view text);

/// "512M", "4G", "1.5GiB", "1000000": bytes, with the suffixes K, M, G, T as powers of 1024.
[[nodiscard]] Result<std::uint64_t> parse_bytes(std::string_view text);

}  // namespace zswarm::tools
