// Beacons of any bytes, and beacons with any body that are sealed as they should be: reading ends, and what
// is taken keeps the limits and can be sealed again.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bus/discovery/address_file.h"
#include "bus/discovery/beacon.h"

namespace {

using namespace zswarm::bus;

void check(const Beacon& beacon, const std::vector<Secret<32>>& keys) {
  ZS_BUS_ASSERT(beacon.major == kMajorVersion);
  ZS_BUS_ASSERT(beacon.time.ms >= 0 && beacon.time.ms <= kBeaconTimeMaxMs);
  ZS_BUS_ASSERT(beacon.endpoints.size() <= kBeaconEndpoints);
  const auto again = open_beacon(seal_beacon(beacon, keys[0], {}), keys);
  ZS_BUS_ASSERT(again && again->node == beacon.node && again->instance == beacon.instance);
  ZS_BUS_ASSERT(again->time == beacon.time && again->port == beacon.port);
  ZS_BUS_ASSERT(again->endpoints.size() <= beacon.endpoints.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<Secret<32>> keys(1);
  const ByteView bytes(data, size);
  if (const auto opened = open_beacon(bytes, keys)) check(*opened, keys);
  if (const auto read = read_beacon_body(bytes.first(std::min(size, kBeaconBodyBytes)))) check(*read, keys);
  if (size <= kBeaconBodyBytes) {
    const auto sealed = open_beacon(seal_beacon_body(bytes, keys[0], {}), keys);
    const auto bare = read_beacon_body(bytes);
    ZS_BUS_ASSERT(sealed.has_value() == bare.has_value());
  }
  const AddressFile file = read_addresses({reinterpret_cast<const char*>(data), size});
  ZS_BUS_ASSERT(file.addresses.size() <= kAddressFileAddresses);
  for (const Endpoint& address : file.addresses) ZS_BUS_ASSERT(parse_endpoint(address.text()) == address);
  return 0;
}
