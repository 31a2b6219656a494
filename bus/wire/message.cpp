#include "bus/wire/message.h"

#include <string>

namespace zswarm::bus {

Result<Header> read_header(ByteView message) {
  if (message.size() < kHeaderBytes)
    return fail(ErrorCode::kMalformed, "a message is shorter than its header");
  Header header;
  header.major = message[0];
  header.minor = message[1];
  header.type = static_cast<MessageType>(message[2]);
  for (std::size_t i = 4; i < 8; ++i) header.request_id = header.request_id << 8 | message[i];
  if (header.major != kMajorVersion) {
    return fail(ErrorCode::kUnsupported, "the other side speaks version " + std::to_string(header.major) +
                                             " of the protocol, this node version " +
                                             std::to_string(kMajorVersion));
  }
  return header;
}

}  // namespace zswarm::bus
