// Sizes of requests and streams that both sides keep, part of the protocol (PROTOCOL.md, "Requests and
// streams"), and the knobs of each side.
//
// A part of a message stays below the sockets' 1 MiB; see zmq/limits.h.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "bus/base/time.h"

namespace zswarm::bus {

using namespace std::chrono_literals;

inline constexpr std::size_t kServiceNameBytes = 64;
inline constexpr std::size_t kRequestPayloadBytes = 512u << 10;
inline constexpr std::size_t kFrameBytes = 512u << 10;   // of one raw frame
inline constexpr std::size_t kFrames = 16;               // beside one message
inline constexpr std::size_t kEventBytes = 256u << 10;   // payload and frames of one event together
inline constexpr std::size_t kTrailerBytes = 64u << 10;  // of an end
inline constexpr std::size_t kSentenceBytes = 256;       // of a typed error
inline constexpr std::uint32_t kDeadlineMs = 86'400'000;
/// The most that may be granted beyond what has been sent. A first grant allows at least one event of any
/// size: otherwise a stream could come to a stop that nobody ends.
inline constexpr std::uint64_t kWindowEvents = 65'536;
inline constexpr std::uint64_t kWindowBytes = 64u << 20;

struct ClientConfig {
  // Sent when nothing else was for so long. silence_max allows four to be late.
  Duration beat_every = 1s;
  // A request that nobody has answered is sent again: a connection may have taken it along when it broke. Two
  // more times within silence_max.
  Duration retry_after = 2s;
  // A node that has been silent for so long is given up. The bound within which a hung or dead one is noticed
  // is this and one tick.
  Duration silence_max = 5s;
  Duration tick = 50ms;  // accuracy of all times above, and of deadlines
  // A timer that is this late shows that this process did not run: nobody is to blame for silence.
  Duration stall = 1s;
  std::size_t calls_max = 8192;
};

struct ServerConfig {
  Duration beat_every = 1s;   // as above
  Duration silence_max = 5s;  // a caller that has been silent for so long is gone
  Duration tick = 50ms;
  Duration stall = 1s;
  std::size_t calls_max = 8192;
  std::size_t calls_per_peer = 1024;
  // Requests that the program has not taken yet.
  std::size_t waiting_bytes = 256u << 20;
  std::size_t waiting_bytes_per_peer = 64u << 20;
  // Events that wait for credit: of one stream, of all streams to one peer, and of all.
  std::size_t stream_events = 1024;
  std::size_t stream_bytes = 2u << 20;
  std::size_t buffered_bytes_per_peer = 64u << 20;
  std::size_t buffered_bytes = 256u << 20;
  // Requests of one peer; beyond it they are dropped, and its client asks again.
  std::uint64_t requests_per_s = 2000, requests_burst = 4000;
  // Answers to one peer that concern no running call. Beyond it there is silence.
  std::uint64_t refusals_per_s = 500, refusals_burst = 2000;
  // Ends that are kept for a caller that lost its connection meanwhile; longer than a client waits.
  Duration record_for = 10s;
  std::size_t record_bytes = 64u << 10;  // of one peer
  // Callers known. One that has no call is forgotten after this time, which is longer than a client repeats
  // itself, so that no request is run twice.
  std::size_t peers_max = 1024;
  Duration peer_for = 60s;
};

}  // namespace zswarm::bus
