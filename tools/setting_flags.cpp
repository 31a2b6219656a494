#include "tools/setting_flags.h"

#include <fmt/format.h>

namespace zswarm::tools {

void SettingFlags::add_to(CLI::App& command, const std::function<bool(const Setting&)>& wanted) {
  for (const Setting& setting : setting_table()) {
    if (!wanted(setting)) continue;
    std::string help(setting.help);
    if (!setting.environment.empty()) help += fmt::format(" [{}]", setting.environment);
    const std::string names = setting.name == "threads"   ? "-t,--threads"
                              : setting.name == "context" ? "-c,--context"
                                                          : fmt::format("--{}", setting.name);
    if (setting.value_name.empty()) {
      command.add_flag(names, switches_[setting.name], help);
      continue;
    }
    CLI::Option* const option = command.add_option(names, texts_[setting.name], help);
    option->option_text(std::string(setting.value_name));
    if (setting.is_list) option->join(',');
  }
  command
      .add_option("--config", config_file_,
                  "YAML file with these settings; the environment and flags win over it")
      ->option_text("FILE");
}

Result<Settings> SettingFlags::settings() const {
  Settings settings;
  if (!config_file_.empty()) {
    if (auto done = apply_config_file(config_file_, settings); !done) return fail(std::move(done.error()));
  }
  if (auto done = apply_environment(settings); !done) return fail(std::move(done.error()));
  for (const Setting& setting : setting_table()) {
    std::string value;
    if (const auto text = texts_.find(setting.name); text != texts_.end()) value = text->second;
    if (const auto flag = switches_.find(setting.name); flag != switches_.end() && flag->second)
      value = "true";
    if (value.empty()) continue;
    if (auto done = setting.set(settings, value); !done) {
      return fail(done.error().code, fmt::format("--{}: {}", setting.name, done.error().message));
    }
  }
  return settings;
}

}  // namespace zswarm::tools
