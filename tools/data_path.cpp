#include "tools/data_path.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace zswarm::tools {

namespace {

/// An environment variable, empty if it is not set.
std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

/// The home folder, empty if this user has none.
std::filesystem::path home() {
  if (const auto set = variable("HOME"); !set.empty()) return set;
  const passwd* const user = getpwuid(getuid());  // before threads start
  return user == nullptr || user->pw_dir == nullptr ? "" : user->pw_dir;
}

}  // namespace

Result<std::filesystem::path> data_path(const std::string& flag) {
  if (!flag.empty()) return std::filesystem::path(flag);
  if (const auto set = variable("ZSWARM_DATA"); !set.empty()) return std::filesystem::path(set);
  // The specification: what is not absolute is passed over.
  if (const std::filesystem::path xdg = variable("XDG_DATA_HOME"); xdg.is_absolute()) return xdg / "zswarm";
  if (const auto folder = home(); folder.is_absolute()) return folder / ".local" / "share" / "zswarm";
  return fail(ErrorCode::kNotFound,
              "this user has no home folder to keep data in; name one with --data DIR or ZSWARM_DATA.");
}

}  // namespace zswarm::tools
