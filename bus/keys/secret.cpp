#include "bus/keys/secret.h"

#include <sodium.h>

#include "bus/base/error.h"

namespace zswarm::bus {

void ready_sodium() {
  static const bool ready = sodium_init() >= 0;
  ZS_BUS_ASSERT(ready);
}

void fill_random(std::span<std::uint8_t> bytes) {
  ready_sodium();
  randombytes_buf(bytes.data(), bytes.size());
}

std::uint64_t random_u64() {
  ByteArray<8> bytes;
  fill_random(bytes);
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

bool equal_in_constant_time(ByteView a, ByteView b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe(std::span<std::uint8_t> bytes) {
  sodium_memzero(bytes.data(), bytes.size());
}

}  // namespace zswarm::bus
