#include "bus/zmq/parts.h"

#include <utility>

namespace zswarm::bus {
namespace {

/// A part as a MESSAGE of CurveZMQ in a frame of ZMTP: flags and length, then the command's name, nonce, MAC
/// and flags. https://rfc.zeromq.org/spec/26/, https://rfc.zeromq.org/spec/37/
std::uint64_t frame_bytes(std::uint64_t part_bytes) {
  const std::uint64_t body = 8 + 8 + 16 + 1 + part_bytes;
  return body + (body > 255 ? 9 : 2);
}

}  // namespace

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
  bool is_route = socket.get(zmq::sockopt::type) == ZMQ_ROUTER;
  for (bool more = true; more;) {
    zmq::message_t part;
    if (!socket.recv(part, zmq::recv_flags::dontwait))
      break;  // only before the first part: messages come whole
    more = part.more();
    if (!std::exchange(is_route, false)) received.on_wire += frame_bytes(part.size());
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
