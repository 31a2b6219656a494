#include "bus/zmq/intake.h"

#include <map>

#include "bus/zmq/tcp.h"

namespace zswarm::bus {

int Intake::message(Received& message) {
  const int descriptor = zmq_msg_get(message.parts.back().handle(), ZMQ_SRCFD);
  unread_.message(descriptor, message.on_wire);
  return descriptor;
}

std::vector<std::string> Intake::weigh(Time now, const std::unordered_set<std::string>& addresses) {
  std::map<int, std::string> found;
  if (!addresses.empty()) {
    for (TcpConnection& connection : tcp_connections()) {
      if (addresses.contains(connection.remote))
        found.emplace(connection.descriptor, std::move(connection.remote));
    }
  }
  for (const int descriptor : known_) {
    if (found.contains(descriptor)) continue;
    unread_.closed(descriptor);
    behind_.erase(descriptor);
  }
  known_.clear();
  for (const auto& [descriptor, address] : found) {
    known_.insert(descriptor);
    if (const auto taken = bytes_taken(descriptor))
      unread_.weigh(descriptor, *taken, !behind_.contains(descriptor));
  }
  std::vector<std::string> surplus;
  while (const auto descriptor = unread_.surplus()) surplus.push_back(found[*descriptor]);
  weigh_at_ = now + (unread_.unread() > kWeighSoonBytes ? kWeighSoon : kWeighEvery);
  return surplus;
}

}  // namespace zswarm::bus
