// The YAML file behind `zswarm run --config`, and `zswarm config check`, which says which line is wrong.
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <memory>
#include <string>

#include "tools/command.h"
#include "tools/files.h"
#include "tools/output.h"
#include "tools/settings.h"

namespace zswarm::tools {

namespace {

constexpr std::size_t kMaxConfigBytes = 1 << 20;

/// Reads one file into settings. Every error is "<path> line N: <what>".
class ConfigReader {
 public:
  ConfigReader(const std::filesystem::path& path, Settings& settings) : path_(path), settings_(settings) {}

  Status read(const YAML::Node& root) {
    if (root.IsNull()) return {};
    if (!root.IsMap()) return error(root.Mark(), "a file of `name: value` lines is wanted here.");
    for (const auto& entry : root) {
      if (!entry.first.IsScalar())
        return error(entry.first.Mark(), "a plain name is wanted before the colon.");
      if (auto done = set(entry.first.Scalar(), entry.first.Mark(), entry.second); !done) return done;
    }
    return {};
  }

  [[nodiscard]] tl::unexpected<Error> error(const YAML::Mark& mark, std::string_view what) const {
    // yaml-cpp counts from 0, and gives -1 where it knows no place.
    const std::string place = mark.line < 0 ? "" : fmt::format(" line {}", mark.line + 1);
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}{}: {}", shown(path_), place, what));
  }

 private:
  Status set(const std::string& key, const YAML::Mark& mark, const YAML::Node& value) {
    if (key == "models") return models(value, mark);
    if (key == "aliases") return aliases(value, mark);
    const auto& table = setting_table();
    const auto found =
        std::find_if(table.begin(), table.end(), [&](const Setting& s) { return s.name == key; });
    if (found == table.end())
      return error(mark, fmt::format("there is no setting '{}'; see zswarm run --help.", printable(key)));
    if (!value.IsScalar()) return error(mark, fmt::format("{} wants one value.", key));
    if (auto done = found->set(settings_, value.Scalar()); !done)
      return error(value.Mark(), fmt::format("{} {}", key, done.error().message));
    return {};
  }

  Status models(const YAML::Node& list, const YAML::Mark& mark) {
    if (!list.IsSequence()) return error(mark, "models wants a list of files.");
    for (const auto& item : list) {
      if (!item.IsScalar() || item.Scalar().empty())
        return error(item.Mark(), "models wants a list of files.");
      settings_.models.push_back(item.Scalar());
    }
    return {};
  }

  Status aliases(const YAML::Node& map, const YAML::Mark& mark) {
    if (!map.IsMap()) return error(mark, "aliases wants `name: file` lines.");
    for (const auto& entry : map) {
      if (!entry.first.IsScalar() || !entry.second.IsScalar() || entry.second.Scalar().empty()) {
        return error(entry.first.Mark(), "aliases wants `name: file` lines.");
      }
      settings_.aliases[entry.first.Scalar()] = entry.second.Scalar();
    }
    return {};
  }

  const std::filesystem::path& path_;
  Settings& settings_;
};

}  // namespace

Status apply_config_file(const std::filesystem::path& path, Settings& settings) {
  const auto text = read_text(path, kMaxConfigBytes);
  if (!text) return fail(text.error());
  ConfigReader reader(path, settings);
  try {
    return reader.read(YAML::Load(*text));
  } catch (const YAML::Exception& exception) {  // the library's only way to report; it goes no further
    return reader.error(exception.mark, fmt::format("this is not YAML: {}.", printable(exception.msg)));
  }
}

void add_config(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("config", "Look at a configuration file");
  command->require_subcommand(1);
  command->footer("Example:\n  zswarm config check zswarm.yaml");
  CLI::App* check =
      command->add_subcommand("check", "Say which line of a configuration file is wrong, if one is");
  auto path = std::make_shared<std::string>();
  check->add_option("FILE", *path, "YAML file for zswarm run --config")->required();
  check->footer("Example:\n  zswarm config check zswarm.yaml");
  check->callback([path, &action] {
    action = [path] {
      Settings settings;
      if (auto done = apply_config_file(*path, settings); !done) return report(done.error());
      put(fmt::format("{}: fine\n", shown(*path)));
      flush();
      return kDone;
    };
  });
}

}  // namespace zswarm::tools
