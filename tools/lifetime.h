// How long a token counts, as people write it.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/base/error.h"

namespace zswarm::tools {

/// "30d", "12h", "45m", "90s", "2w" from now, up to a hundred years: in seconds since 1970.
[[nodiscard]] Result<std::uint64_t> expiry_after(const std::string& lifetime);

}  // namespace zswarm::tools
