#include "bus/zmq/byte_window.h"

#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>

namespace zswarm::bus {
namespace {

// Not in every C library's headers.
constexpr int kSaveSyn = 27, kSavedSyn = 28;  // TCP_SAVE_SYN, TCP_SAVED_SYN

/// The sequence number in a SYN's headers, IP and TCP.
std::optional<std::uint32_t> sequence_of(const std::uint8_t* headers, std::size_t size) {
  if (size == 0) return std::nullopt;
  const bool is_v4 = headers[0] >> 4 == 4;
  const std::size_t ip = is_v4 ? (headers[0] & 15u) * 4 : 40;
  if (size < ip + 20 || headers[is_v4 ? 9 : 6] != IPPROTO_TCP) return std::nullopt;
  const std::uint8_t* at = headers + ip + 4;
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 | at[3];
}

/// How many bytes have come, those that nobody has read yet included.
std::optional<std::uint64_t> bytes_received(int descriptor) {
  tcp_info info{};
  socklen_t bytes = sizeof(info);
  constexpr auto kNeeded = offsetof(tcp_info, tcpi_bytes_received) + sizeof(info.tcpi_bytes_received);
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0 || bytes < kNeeded)
    return std::nullopt;
  return info.tcpi_bytes_received;
}

}  // namespace

void keep_first_segments(int listening) {
  const int on = 1;
  (void)setsockopt(listening, IPPROTO_TCP, kSaveSyn, &on, sizeof(on));  // else there are no windows
}

std::optional<ByteWindow> ByteWindow::open(int descriptor, std::uint32_t bytes) {
  std::array<std::uint8_t, 256> headers;
  socklen_t size = headers.size();
  if (getsockopt(descriptor, IPPROTO_TCP, kSavedSyn, headers.data(), &size) != 0) return std::nullopt;
  const auto sequence = sequence_of(headers.data(), size);
  if (!sequence) return std::nullopt;
  const ByteWindow window(*sequence + 1, bytes);  // the SYN itself counts as one
  if (!window.attach(descriptor, 0)) return std::nullopt;
  return window;
}

bool ByteWindow::is_exceeded(int descriptor) {
  // Of all that the kernel drops of a connection; other reasons than the filter are rare.
  std::array<std::uint32_t, SK_MEMINFO_VARS> counts{};
  socklen_t size = sizeof(counts);
  return getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, counts.data(), &size) == 0 &&
         counts[SK_MEMINFO_DROPS] > 0;
}

void ByteWindow::advance(int descriptor) {
  const auto received = bytes_received(descriptor);
  // Not for every heartbeat.
  if (received && *received >= begin_ + bytes_ / 2 && attach(descriptor, *received)) begin_ = *received;
}

bool ByteWindow::attach(int descriptor, std::uint64_t begin) const {
  constexpr std::uint32_t kAll = 0x7fffffff, kBehind = 0x80000000;
  const std::uint32_t at = first_ + static_cast<std::uint32_t>(begin);  // sequence numbers wrap around
  // The filter sees the segment from its TCP header on. A := the last byte's place in the window; what lies
  // before the window was here already and is sent again.
  std::array<sock_filter, 14> program = {{
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 12),  // length of the header in words, in the upper half
      BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 2),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x3c),
      BPF_STMT(BPF_MISC | BPF_TAX, 0),
      BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
      BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0),
      BPF_STMT(BPF_MISC | BPF_TAX, 0),        // X := bytes that it carries
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4),  // sequence number
      BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
      BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, at),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, bytes_, 0, 1),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kBehind, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, kAll),
      BPF_STMT(BPF_RET | BPF_K, 0),
  }};
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0;
}

}  // namespace zswarm::bus
