// What the kernel knows of libzmq's TCP connections: libzmq itself tells neither their bytes nor their ends.
//
// Descriptors belong to libzmq, whose thread may close one at any time: every answer may be none, or that of
// a connection which has taken the number over. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bus/base/bytes.h"

namespace zswarm::bus {

struct TcpAddress {
  ByteArray<16> bytes{};  // IPv4 as ::ffff:a.b.c.d
  std::uint16_t port = 0;
};
/// Whether it is an IPv4 address.
[[nodiscard]] bool is_mapped(const ByteArray<16>& address);
/// Without the port; IPv6 without brackets.
[[nodiscard]] std::string host_text(const ByteArray<16>& address);

struct TcpEnds {
  TcpAddress local, remote;
};
/// Nothing if the descriptor is no TCP connection now.
[[nodiscard]] std::optional<TcpEnds> tcp_ends(int descriptor);

/// How many bytes have been read from it by this process; nothing if it is no TCP connection, or the kernel
/// is older than Linux 4.1.
[[nodiscard]] std::optional<std::uint64_t> bytes_taken(int descriptor);

struct TcpConnection {
  int descriptor = -1;
  std::string remote;  // HOST:PORT, as an endpoint
};
/// All of this process.
[[nodiscard]] std::vector<TcpConnection> tcp_connections();

/// The descriptor that listens on this port; -1 if there is none.
[[nodiscard]] int listening_descriptor(std::uint16_t port);

}  // namespace zswarm::bus
