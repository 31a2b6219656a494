// What nodes of different major versions say to each other: kVersion, [major, minor, sentence], which every
// version can read (PROTOCOL.md, "Versions"). It is never answered, so two nodes cannot go on for ever.
#pragma once

#include <string>

#include "bus/base/bytes.h"

namespace zswarm::bus {

[[nodiscard]] Bytes version_message();

/// What a kVersion message says, as one sentence for an operator.
[[nodiscard]] std::string said_version(ByteView message);

}  // namespace zswarm::bus
