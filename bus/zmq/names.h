// Names of hosts turned into addresses, without holding up the thread of the bus.
//
// libzmq would resolve names itself, but in its I/O thread, where a slow name server holds up every
// connection of the node, and it takes the first address only, which for a name with an IPv6 and an IPv4
// address is often the wrong one. So sockets here get addresses only, and names go to the C library's own
// resolver threads (getaddrinfo_a(3)). What was found is kept for kKeep; then it is asked again, and holds
// until the new answer.
//
// Bounded: kMost names; one more takes the place of the one not asked about for longest. A name server that
// does not answer costs one of the C library's threads (20 at most) for as long as it waits. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "bus/base/time.h"

namespace zswarm::bus {

class Names {
 public:
  static constexpr std::size_t kMost = 256, kAddressesMax = 8;
  static constexpr Duration kKeep = std::chrono::minutes(2), kKeepUnknown = std::chrono::seconds(10);

  Names();
  ~Names();

  /// IPv4 and IPv6 addresses of the host in the order in which they should be tried; at once if it is an
  /// address itself. Empty if there are none, nothing as long as the answer is not there.
  [[nodiscard]] std::optional<std::vector<std::string>> find(Time now, const std::string& host);

  /// True while answers are awaited; then call poll() soon again.
  [[nodiscard]] bool waits() const { return waiting_ > 0; }
  /// Names whose answers have come since the last call.
  [[nodiscard]] std::vector<std::string> poll(Time now);

 private:
  struct Query;
  struct Entry {
    std::vector<std::string> addresses;
    bool known = false;
    Time until, asked;
    std::unique_ptr<Query> query;  // under way
  };
  void ask(const std::string& host, Entry& entry);
  void make_room();
  static void abandon(std::unique_ptr<Query> query);

  std::unordered_map<std::string, Entry> entries_;
  std::size_t waiting_ = 0;
};

}  // namespace zswarm::bus
