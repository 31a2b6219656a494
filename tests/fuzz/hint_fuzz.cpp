// Load hints of any bytes: reading ends, and what is taken keeps the limits and can be written again.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "node/dispatch/hint.h"

namespace {

using namespace zswarm;
using namespace zswarm::node;

void check(const Hint& hint) {
  ZS_ASSERT(hint.models.size() <= kHintModels);
  ZS_ASSERT(hint.cores_load >= 0 && hint.cores_load <= kCoresLoadMax);
  for (const ModelLoad& load : hint.models) {
    ZS_ASSERT(load.running <= load.places && load.places <= kLoadRequests && load.waiting <= kLoadRequests);
    ZS_ASSERT(load.waiting_tokens <= kLoadTokens && load.free_pages <= kLoadPages);
    ZS_ASSERT(load.prefill_tps >= 0 && load.prefill_tps <= kRateMax);
    ZS_ASSERT(load.decode_tps >= 0 && load.decode_tps <= kRateMax);
    ZS_ASSERT(load.service_s >= 0 && load.service_s <= kServiceMax);
    ZS_ASSERT(load.cached.bits.size() <= kDigestBytes && load.cached.stride >= 1);
    const std::vector<ChainHash> chain(100, load.model);
    ZS_ASSERT(overlap(load.cached, chain) <= chain.size());
  }
  const bus::Bytes again = write_hint(hint);
  ZS_ASSERT(again.size() <= kHintBytes);
  const auto read = read_hint(again);
  ZS_ASSERT(read && read->models.size() == hint.models.size() && read->draining == hint.draining);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (const auto hint = read_hint(bus::ByteView(data, size))) check(*hint);
  return 0;
}
