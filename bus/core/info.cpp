#include "bus/core/info.h"

#include <msgpack.hpp>
#include <string>

namespace zswarm::bus {

Bytes write_info(const NodeInfo& info) {
  msgpack::sbuffer buffer;
  msgpack::packer<msgpack::sbuffer> packer(buffer);
  packer.pack_map(5);
  packer.pack(std::string("id")).pack(info.id.text());
  packer.pack(std::string("name")).pack(std::string(info.name));
  packer.pack(std::string("version")).pack(std::string(info.version));
  packer.pack(std::string("members")).pack_uint64(info.members);
  packer.pack(std::string("uptime_s")).pack_uint64(info.uptime_s);
  return {buffer.data(), buffer.data() + buffer.size()};
}

}  // namespace zswarm::bus
