// Cards of any bytes, and cards with any body that are signed and MACed as they should be: reading ends, and
// what is taken keeps the limits.
#include <cstddef>
#include <cstdint>

#include "bus/base/text.h"
#include "bus/keys/card.h"
#include "bus/wire/pack.h"

namespace {

using namespace zswarm::bus;

struct Keys {
  SignKeyPair sign = SignKeyPair::from_seed(Secret<32>());
  NetworkKeys network = NetworkKeys::of(Token());
};

void check_limits(const Card& card) {
  ZS_BUS_ASSERT(card.name.size() <= kMaxNameBytes && is_plain_text(card.name));
  ZS_BUS_ASSERT(card.version.size() <= kMaxVersionBytes && is_plain_text(card.version));
  ZS_BUS_ASSERT(card.roles.size() <= kMaxRoles && card.labels.size() <= kMaxLabels);
  for (const auto& endpoint : card.sockets)
    ZS_BUS_ASSERT(!endpoint || parse_endpoint(endpoint->text()) == *endpoint);
}

/// A body that is taken can be sealed again, by whoever reads it, and says the same.
void read_and_seal(const Bytes& bytes, const Keys& keys) {
  const auto read = read_card(bytes);
  if (!read) {
    ZS_BUS_ASSERT(!read.error().message.empty() && !verify_card(bytes, {&keys.network, 1}));
    return;
  }
  check_limits(*read);
  const auto sealed = seal_card(*read, keys.sign, keys.network);
  if (!sealed) return;  // integers in their longest form made room that is gone now, or the other way about
  const auto again = verify_card(*sealed, {&keys.network, 1});
  ZS_BUS_ASSERT(again && again->name == read->name && again->labels == read->labels);
  ZS_BUS_ASSERT(again->roles == read->roles && again->sockets == read->sockets);
  ZS_BUS_ASSERT(again->incarnation == read->incarnation && again->instance == read->instance);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Keys keys;
  const Bytes body(data, data + size);
  read_and_seal(body, keys);
  const Signature signature = sign(keys.sign, "zswarm card", body);
  Bytes covered = body;
  covered.insert(covered.end(), signature.begin(), signature.end());
  const Hash mac = mac_of(keys.network.membership_key, "zswarm card mac", covered);
  const Bytes card = Writer(3).bin(body).bin(signature).bin(mac).take();
  read_and_seal(card, keys);
  if (const auto verified = verify_card(card, {&keys.network, 1}))
    ZS_BUS_ASSERT(verified->sign_key == keys.sign.public_key);
  return 0;
}
