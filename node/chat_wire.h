// The messages between a node and its template process (node/chat_process.h): fixed heads in the machine's
// own byte order, since both ends are the same program, followed by bytes. Lengths are checked by both ends
// before memory is taken.
#pragma once

#include <cstddef>
#include <cstdint>

namespace zswarm::node::chat_wire {

constexpr std::size_t kMaxRequestBytes = 64u << 20;  // of source and context together
constexpr std::size_t kMaxReplyBytes = 64u << 20;

struct RequestHead {
  std::uint32_t source_bytes = 0;
  std::uint32_t context_bytes = 0;
  std::uint64_t fuel = 0;
  std::uint64_t max_output_bytes = 0;
  std::int64_t now_unix_s = 0;
  std::uint32_t cpu_s = 0;     // processor time that this rendering may take, whole seconds
  std::uint32_t reserved = 0;  // so that no byte of the head is left unset
};

struct ReplyHead {
  std::uint32_t ok = 0;    // 1: the text is the prompt; 0: it is an error's message
  std::uint32_t code = 0;  // ErrorCode, if not ok
  std::uint64_t text_bytes = 0;
};

}  // namespace zswarm::node::chat_wire
