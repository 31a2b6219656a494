#include "bus/wire/message.h"

#include <string>

namespace zswarm::bus {

std::optional<Header> peek_header(ByteView message) {
  if (message.size() < kHeaderBytes) return std::nullopt;
  Header header;
  header.major = message[0];
  header.minor = message[1];
  header.type = static_cast<MessageType>(message[2]);
  for (std::size_t i = 4; i < 8; ++i) header.request_id = header.request_id << 8 | message[i];
  return header;
}

Result<Header> read_header(ByteView message) {
  const auto header = peek_header(message);
  if (!header) return fail(ErrorCode::kMalformed, "a message is shorter than its header");
  if (header->major != kMajorVersion) {
    return fail(ErrorCode::kUnsupported, "the other side speaks version " + std::to_string(header->major) +
                                             " of the protocol, this node version " +
                                             std::to_string(kMajorVersion));
  }
  return *header;
}

}  // namespace zswarm::bus
