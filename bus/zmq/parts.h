// Multipart messages on sockets: the message itself and the raw frames beside it, perhaps behind a route or a
// topic.
//
// Nothing blocks. Of a message with more parts than allowed the rest is read over and the message counts as
// faulty. (libzmq hands over whole messages only, and bounds the size of a part but not their number: what a
// peer sends meanwhile lies in its queue.)
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>
#include <zmq.hpp>

#include "bus/base/bytes.h"

namespace zswarm::bus {

inline constexpr std::size_t kMaxFrames = 16;

struct Received {
  std::vector<zmq::message_t> parts;
  bool faulty = false;        // too many parts
  std::uint64_t on_wire = 0;  // bytes of the frames that it came in, those that were left out included

  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] ByteView view(std::size_t part) const {
    return {parts[part].data<std::uint8_t>(), parts[part].size()};
  }
  /// Copies of the parts from `first` on.
  [[nodiscard]] std::vector<Bytes> frames_from(std::size_t first) const;
};

/// Nothing if no message waits. Of a ROUTER's message the first part, the route, is not counted as bytes on
/// the wire.
[[nodiscard]] std::optional<Received> receive_parts(zmq::socket_t& socket, std::size_t most);

enum class Sent : std::uint8_t {
  kYes,   // libzmq has it, all of it
  kFull,  // none of it: the queue to the other side is full
  kGone,  // none of it: a ROUTER has no connection of that name
};
[[nodiscard]] Sent send_parts(zmq::socket_t& socket, std::span<const ByteView> parts);

}  // namespace zswarm::bus
