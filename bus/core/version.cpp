#include "bus/core/version.h"

#include <fmt/format.h>

#include "bus/wire/pack.h"

namespace zswarm::bus {

Bytes version_message() {
  const std::string sentence = fmt::format(
      "this node speaks version {}.{} of the protocol: nodes of another major version cannot talk to it, "
      "update the older one",
      kMajorVersion, kMinorVersion);
  return Writer(MessageType::kVersion, 3).uint(kMajorVersion).uint(kMinorVersion).text(sentence).take();
}

std::string said_version(ByteView message) {
  Reader reader = Reader::of_message(message);
  const std::uint64_t major = reader.uint(255), minor = reader.uint(255);
  if (!reader.ok()) return "the other side speaks another version of the protocol, and not how it says so";
  // The sentence of the other side is left out: the numbers say all, and nobody has vouched for it.
  return fmt::format(
      "the other side speaks version {}.{} of the protocol, this node version {}.{}: update the older one",
      major, minor, kMajorVersion, kMinorVersion);
}

}  // namespace zswarm::bus
