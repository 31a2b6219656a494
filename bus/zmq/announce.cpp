#include "bus/zmq/announce.h"

namespace zswarm::bus {

Endpoint endpoint_to_tell(const AnnounceAddresses& announce, Socket socket, const std::string& listen,
                          std::uint16_t port, const HostFinder& find) {
  if (const auto& named = announce.socket(socket))
    return {named->host, named->port == 0 ? port : named->port};
  return {announce.host.empty() ? find(host_of(listen)) : announce.host, port};
}

}  // namespace zswarm::bus
