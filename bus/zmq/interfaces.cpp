#include "bus/zmq/interfaces.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>

#include "bus/base/bytes.h"
#include "bus/keys/descriptor.h"

namespace zswarm::bus {
namespace {

template <class Address>
std::string text_of(int family, const Address& address) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(family, &address, text, sizeof text) == nullptr ? std::string() : text;
}

void add_address(Interface& interface, const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    interface.ipv4.push_back(text_of(AF_INET, reinterpret_cast<const sockaddr_in&>(address).sin_addr));
  } else if (address.sa_family == AF_INET6) {
    const in6_addr& a = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    if (!IN6_IS_ADDR_LINKLOCAL(&a)) interface.ipv6.push_back(text_of(AF_INET6, a));
  }
}

/// The bytes of an address and its mask, IPv4 as the four, for comparison.
ByteView address_bytes(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    const in_addr& a = reinterpret_cast<const sockaddr_in&>(address).sin_addr;
    return {reinterpret_cast<const std::uint8_t*>(&a), sizeof a};
  }
  if (address.sa_family == AF_INET6) {
    const in6_addr& a = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    return {reinterpret_cast<const std::uint8_t*>(&a), sizeof a};
  }
  return {};
}

/// Empty if the text is no address.
Bytes address_bytes(const std::string& text) {
  Bytes bytes(sizeof(in6_addr));
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return bytes;
  bytes.resize(sizeof(in_addr));
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return bytes;
  return {};
}

bool same_network(ByteView a, ByteView b, ByteView mask) {
  if (a.empty() || a.size() != b.size() || a.size() != mask.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (((a[i] ^ b[i]) & mask[i]) != 0) return false;
  }
  return true;
}

/// The address that packets to `far` would leave from; empty without a route. Nothing is sent.
std::string source_towards(int family, const char* far) {
  const Descriptor socket(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.open()) return {};
  sockaddr_storage to{}, from{};
  to.ss_family = static_cast<sa_family_t>(family);
  socklen_t size = sizeof(sockaddr_in);
  auto& to4 = reinterpret_cast<sockaddr_in&>(to);
  auto& to6 = reinterpret_cast<sockaddr_in6&>(to);
  if (family == AF_INET) {
    inet_pton(family, far, &to4.sin_addr);
    to4.sin_port = htons(9);
  } else {
    size = sizeof(sockaddr_in6);
    inet_pton(family, far, &to6.sin6_addr);
    to6.sin6_port = htons(9);
  }
  if (connect(socket.number(), reinterpret_cast<const sockaddr*>(&to), size) != 0) return {};
  if (getsockname(socket.number(), reinterpret_cast<sockaddr*>(&from), &size) != 0) return {};
  if (family == AF_INET) return text_of(family, reinterpret_cast<const sockaddr_in&>(from).sin_addr);
  const in6_addr& address = reinterpret_cast<const sockaddr_in6&>(from).sin6_addr;
  return IN6_IS_ADDR_LINKLOCAL(&address) ? std::string() : text_of(family, address);
}

}  // namespace

std::vector<Interface> interfaces_up() {
  std::vector<Interface> interfaces;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return interfaces;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0) continue;
    auto known = std::find_if(interfaces.begin(), interfaces.end(),
                              [&](const Interface& i) { return i.name == entry->ifa_name; });
    if (known == interfaces.end()) {
      Interface made;
      made.name = entry->ifa_name;
      made.index = if_nametoindex(entry->ifa_name);
      made.loopback = (entry->ifa_flags & IFF_LOOPBACK) != 0;
      made.multicast = made.loopback || (entry->ifa_flags & IFF_MULTICAST) != 0;
      known = interfaces.insert(interfaces.end(), std::move(made));
    }
    add_address(*known, *entry->ifa_addr);
  }
  std::erase_if(interfaces,
                [](const Interface& i) { return i.index == 0 || (i.ipv4.empty() && i.ipv6.empty()); });
  std::stable_partition(interfaces.begin(), interfaces.end(), [](const Interface& i) { return i.loopback; });
  return interfaces;
}

bool is_address(const std::string& host) {
  return !address_bytes(host).empty();
}

bool is_loopback(const std::string& address) {
  const Bytes bytes = address_bytes(address);
  return address == "::1" || (bytes.size() == sizeof(in_addr) && bytes[0] == 127);
}

bool is_on_link(const std::string& address) {
  const Bytes bytes = address_bytes(address);
  ifaddrs* list = nullptr;
  if (bytes.empty() || getifaddrs(&list) != 0) return false;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_netmask == nullptr || (entry->ifa_flags & IFF_UP) == 0)
      continue;
    if (same_network(bytes, address_bytes(*entry->ifa_addr), address_bytes(*entry->ifa_netmask))) return true;
  }
  return false;
}

std::string host_of(const std::string& address) {
  std::string host = address.substr(0, address.rfind(':'));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return host;
}

bool is_wildcard(const std::string& host) {
  return host == "*" || host == "0.0.0.0" || host == "::";
}

std::string host_to_tell(const std::string& host) {
  if (!is_wildcard(host)) {
    for (const Interface& interface : interfaces_up()) {
      if (interface.name != host) continue;  // libzmq listens on interfaces by name, too
      return interface.ipv4.empty() ? interface.ipv6.front() : interface.ipv4.front();
    }
    return host;
  }
  // A root name server: the default route leads there, whatever networks are near.
  if (std::string source = source_towards(AF_INET, "198.41.0.4"); !source.empty()) return source;
  const bool ipv6 = host != "0.0.0.0";
  if (std::string source = ipv6 ? source_towards(AF_INET6, "2001:503:ba3e::2:30") : ""; !source.empty())
    return source;
  const auto interfaces = interfaces_up();
  for (const Interface& interface : interfaces)
    if (!interface.loopback && !interface.ipv4.empty()) return interface.ipv4.front();
  for (const Interface& interface : interfaces)
    if (ipv6 && !interface.loopback && !interface.ipv6.empty()) return interface.ipv6.front();
  return "127.0.0.1";
}

}  // namespace zswarm::bus
