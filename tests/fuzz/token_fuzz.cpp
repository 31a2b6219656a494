// Tokens of any text, and tokens whose checksum fits around any payload: reading ends, and what is taken has
// one meaning.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "bus/base/base32.h"
#include "bus/keys/token.h"

namespace {

using namespace zswarm::bus;

void read(const std::string& text) {
  const auto token = parse_token(text);
  if (!token) {
    ZS_BUS_ASSERT(!token.error().message.empty());
    return;
  }
  const SecretText written = token->text();
  ZS_BUS_ASSERT(written.reveal().size() <= kMaxTokenBytes);
  const auto again = parse_token(written.reveal());
  ZS_BUS_ASSERT(again && again->epoch == token->epoch && again->secret == token->secret);
  ZS_BUS_ASSERT(again->operator_key == token->operator_key && again->expires_s == token->expires_s);
  ZS_BUS_ASSERT(again->bootstrap == token->bootstrap);
  (void)check_expiry(*token, {0});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read({data, data + size});
  Bytes summed{'z', 's', 'w', '1'};
  summed.insert(summed.end(), data, data + size);
  const Hash hash = hash_of(summed);
  Bytes whole(data, data + size);
  whole.insert(whole.end(), hash.begin(), hash.begin() + 4);
  read("zsw1" + base32_text(whole));
  return 0;
}
