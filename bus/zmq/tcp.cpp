#include "bus/zmq/tcp.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <filesystem>

namespace zswarm::bus {
namespace {

constexpr ByteArray<12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};  // of IPv4 in IPv6

std::optional<TcpAddress> address_of(const sockaddr_storage& storage) {
  TcpAddress address;
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &storage, sizeof(v6));
    std::memcpy(address.bytes.data(), &v6.sin6_addr, address.bytes.size());
    address.port = ntohs(v6.sin6_port);
    return address;
  }
  if (storage.ss_family != AF_INET) return std::nullopt;
  sockaddr_in v4;
  std::memcpy(&v4, &storage, sizeof(v4));
  std::copy(kMapped.begin(), kMapped.end(), address.bytes.begin());
  std::memcpy(address.bytes.data() + kMapped.size(), &v4.sin_addr, 4);
  address.port = ntohs(v4.sin_port);
  return address;
}

std::optional<TcpAddress> local_address(int descriptor) {
  sockaddr_storage storage{};
  socklen_t bytes = sizeof(storage);
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&storage), &bytes) != 0) return std::nullopt;
  return address_of(storage);
}

std::optional<TcpAddress> remote_address(int descriptor) {
  sockaddr_storage storage{};
  socklen_t bytes = sizeof(storage);
  if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&storage), &bytes) != 0) return std::nullopt;
  return address_of(storage);
}

template <class Visit>
void for_each_descriptor(Visit visit) {
  std::error_code error;
  for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    int descriptor = -1;
    std::from_chars(name.data(), name.data() + name.size(), descriptor);
    if (descriptor >= 0) visit(descriptor);
  }
}

}  // namespace

bool is_mapped(const ByteArray<16>& address) {
  return std::equal(kMapped.begin(), kMapped.end(), address.begin());
}

std::string host_text(const ByteArray<16>& address) {
  char text[INET6_ADDRSTRLEN];
  const bool is_v4 = is_mapped(address);
  const void* bytes = is_v4 ? address.data() + kMapped.size() : address.data();
  return inet_ntop(is_v4 ? AF_INET : AF_INET6, bytes, text, sizeof(text)) != nullptr ? text : "";
}

std::optional<TcpEnds> tcp_ends(int descriptor) {
  const auto local = local_address(descriptor), remote = remote_address(descriptor);
  if (!local || !remote) return std::nullopt;
  return TcpEnds{*local, *remote};
}

std::optional<std::uint64_t> bytes_taken(int descriptor) {
  tcp_info info{};
  socklen_t bytes = sizeof(info);
  constexpr auto kNeeded = offsetof(tcp_info, tcpi_bytes_received) + sizeof(info.tcpi_bytes_received);
  int waiting = 0;  // in the kernel: libzmq has not read it
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0 || bytes < kNeeded ||
      ioctl(descriptor, FIONREAD, &waiting) != 0)
    return std::nullopt;
  return info.tcpi_bytes_received - std::min<std::uint64_t>(info.tcpi_bytes_received, waiting);
}

std::vector<TcpConnection> tcp_connections() {
  std::vector<TcpConnection> found;
  for_each_descriptor([&](int descriptor) {
    const auto remote = remote_address(descriptor);
    if (!remote) return;
    const std::string host = host_text(remote->bytes), port = ":" + std::to_string(remote->port);
    found.push_back({descriptor, is_mapped(remote->bytes) ? host + port : "[" + host + "]" + port});
  });
  return found;
}

int listening_descriptor(std::uint16_t port) {
  int found = -1;
  for_each_descriptor([&](int descriptor) {
    int listens = 0;
    socklen_t bytes = sizeof(listens);
    if (getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &bytes) != 0 || listens == 0) return;
    const auto local = local_address(descriptor);
    if (local && local->port == port) found = descriptor;
  });
  return found;
}

}  // namespace zswarm::bus
