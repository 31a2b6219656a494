// UTF-8 of any bytes: decoding ends, and the mended text is well-formed and stays as it is.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "kernels/base/error.h"
#include "kernels/base/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const std::string mended = zswarm::utf8::sanitized(text);
  ZS_ASSERT(zswarm::utf8::is_valid(mended));
  ZS_ASSERT(zswarm::utf8::sanitized(mended) == mended);
  ZS_ASSERT(!zswarm::utf8::is_valid(text) || mended == text);
  ZS_ASSERT(zswarm::utf8::incomplete_tail(text) <= 3);
  for (const char c : zswarm::printable(text)) ZS_ASSERT(static_cast<unsigned char>(c) >= 0x20);
  return 0;
}
