// One message of the protocol: a fixed header of eight bytes, then one msgpack array. PROTOCOL.md is the
// specification.
//
//   byte 0   major version of the protocol; a message of another one is answered with kVersion and dropped
//   byte 1   minor version of the sender; the receiver ignores what it does not know
//   byte 2   type (MessageType)
//   byte 3   flags, 0 today; unknown ones are ignored
//   bytes 4-7  request id, big endian; 0 where the type has none
//
// Elements of the array that a receiver does not know come at its end and are passed over; elements that an
// older sender did not know are missing there and take their stated default.
#pragma once

#include <cstdint>
#include <optional>

#include "bus/base/bytes.h"
#include "bus/base/error.h"

namespace zswarm::bus {

inline constexpr std::uint8_t kMajorVersion = 1;
inline constexpr std::uint8_t kMinorVersion = 0;
inline constexpr std::size_t kHeaderBytes = 8;

/// Each folder that speaks has a block of sixteen.
enum class MessageType : std::uint8_t {
  kVersion = 0x00,  // [major, minor, sentence]: "I speak another version"

  // join socket (join/)
  kHello = 0x01,    // [card]
  kWelcome = 0x02,  // [card, [card…]]: the member's own, and some that it knows
  kRefusal = 0x03,  // [code, sentence]

  // views: HyParView (overlay/views.h)
  kJoin = 0x10,
  kForwardJoin = 0x11,
  kNeighbour = 0x12,
  kNeighbourReply = 0x13,
  kDisconnect = 0x14,
  kShuffle = 0x15,
  kShuffleReply = 0x16,
  kLeave = 0x17,

  // failure detection: SWIM with Lifeguard (overlay/detector.h)
  kProbe = 0x20,
  kProbeAck = 0x21,
  kProbeRequest = 0x22,
  kProbeNack = 0x23,
  kProbeCall = 0x24,  // over gossip: "you whom I name, do you live?"
  kProbeHere = 0x25,  // over gossip: "I do"

  // broadcast: Plumtree (overlay/broadcast.h)
  kGossip = 0x30,  // the whole news, on the eager topic or in answer to kGraft
  kIHave = 0x31,   // ids, on the lazy topic
  kGraft = 0x32,   // "send me these, and be eager from now on"

  // ledger (ledger/)
  kSyncOpen = 0x40,
  kSyncRanges = 0x41,
  kSyncEntries = 0x42,

  // requests and streams (service/)
  kRequest = 0x50,
  kEvent = 0x51,
  kCredit = 0x52,
  kCancel = 0x53,
  kEnd = 0x54,
  kBeat = 0x55,   // of the caller: "I am still here"
  kAlive = 0x56,  // of the one who answers: the same

  // chunk transfer (chunks/)
  kChunkQuery = 0x60,
  kChunkHave = 0x61,
  kChunkGet = 0x62,
  kChunkData = 0x63,
};

struct Header {
  MessageType type{};
  std::uint32_t request_id = 0;
  std::uint8_t minor = kMinorVersion;
  std::uint8_t major = kMajorVersion;
};

/// The header of any version: its eight bytes, the places of major, minor and type in them, and the array of
/// kVersion never change, so that versions can tell each other apart. Nothing if there are fewer bytes.
[[nodiscard]] std::optional<Header> peek_header(ByteView message);

/// The header and the bytes of the array behind it. Of another major version only the header is read:
/// kUnsupported.
[[nodiscard]] Result<Header> read_header(ByteView message);

}  // namespace zswarm::bus
