// This machine's network interfaces and addresses, as the operating system tells them now.
//
// Asks the kernel, which answers without waiting (tens of microseconds). Any thread.
#pragma once

#include <string>
#include <vector>

namespace zswarm::bus {

struct Interface {
  std::string name;
  unsigned index = 0;
  bool loopback = false;
  bool multicast = false;               // loopback counts as able to
  std::vector<std::string> ipv4, ipv6;  // without link-local IPv6 addresses, which mean nothing elsewhere

  friend bool operator==(const Interface&, const Interface&) = default;
};

/// Those that are up and have an address, loopback first; empty if the operating system refuses.
[[nodiscard]] std::vector<Interface> interfaces_up();

/// The host of HOST:PORT, without brackets.
[[nodiscard]] std::string host_of(const std::string& address);
/// "*", "0.0.0.0" or "::": a socket that listens there is reached at every address of the machine.
[[nodiscard]] bool is_wildcard(const std::string& host);

/// An IPv4 or IPv6 address, and not a name.
[[nodiscard]] bool is_address(const std::string& host);
[[nodiscard]] bool is_loopback(const std::string& address);
/// Whether an address lies in the network of one of this machine's interfaces, so that no router is between.
[[nodiscard]] bool is_on_link(const std::string& address);

/// The host to tell others for a socket that listens on `host`. For a wildcard: the address from which this
/// machine would reach the rest of the world (IPv4 first, where the wildcard takes it), without such a route
/// the first that is not loopback, and 127.0.0.1 where there is no other. For the name of an interface its
/// first address. Else the host itself.
[[nodiscard]] std::string host_to_tell(const std::string& host);

}  // namespace zswarm::bus
