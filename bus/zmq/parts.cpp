#include "bus/zmq/parts.h"

namespace zswarm::bus {

std::size_t Received::bytes() const {
  std::size_t sum = 0;
  for (const zmq::message_t& part : parts) sum += part.size();
  return sum;
}

std::vector<Bytes> Received::frames_from(std::size_t first) const {
  std::vector<Bytes> frames;
  for (std::size_t part = first; part < parts.size(); ++part)
    frames.emplace_back(view(part).begin(), view(part).end());
  return frames;
}

std::optional<Received> receive_parts(zmq::socket_t& socket, std::size_t most) {
  Received received;
  for (bool more = true; more;) {
    zmq::message_t part;
    if (!socket.recv(part, zmq::recv_flags::dontwait))
      break;  // only before the first part: messages come whole
    more = part.more();
    if (received.parts.size() < most) {
      received.parts.push_back(std::move(part));
    } else {
      received.faulty = true;
    }
  }
  if (received.parts.empty()) return std::nullopt;
  return received;
}

Sent send_parts(zmq::socket_t& socket, std::span<const ByteView> parts) {
  try {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto flags = zmq::send_flags::dontwait |
                         (i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
      // libzmq decides with the first part whether it takes the message; the others follow it.
      if (!socket.send(zmq::buffer(parts[i].data(), parts[i].size()), flags)) return Sent::kFull;
    }
  } catch (const zmq::error_t&) {
    return Sent::kGone;  // EHOSTUNREACH
  }
  return Sent::kYes;
}

}  // namespace zswarm::bus
