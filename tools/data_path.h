// Where a node keeps its data: --data, ZSWARM_DATA, or the XDG data folder.
// https://specifications.freedesktop.org/basedir-spec/latest/
#pragma once

#include <filesystem>
#include <string>

#include "kernels/base/error.h"

namespace zswarm::tools {

/// `flag` if it is not empty, else ZSWARM_DATA, else zswarm in XDG_DATA_HOME, else ~/.local/share/zswarm.
/// Makes nothing. kNotFound if there is no home either.
[[nodiscard]] Result<std::filesystem::path> data_path(const std::string& flag);

}  // namespace zswarm::tools
