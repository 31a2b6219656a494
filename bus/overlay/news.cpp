#include "bus/overlay/news.h"

#include <sodium.h>

namespace zswarm::bus {

NewsId news_id(const News& news) {
  crypto_generichash_state state;
  crypto_generichash_init(&state, nullptr, 0, sizeof(NewsId::bytes));
  std::uint8_t head[1 + 16 + 8] = {static_cast<std::uint8_t>(news.kind)};
  std::memcpy(head + 1, news.origin.bytes.data(), 16);
  for (std::size_t i = 0; i < 8; ++i) head[17 + i] = static_cast<std::uint8_t>(news.number >> (56 - 8 * i));
  crypto_generichash_update(&state, head, sizeof(head));
  crypto_generichash_update(&state, news.payload.data(), news.payload.size());
  NewsId id;
  crypto_generichash_final(&state, id.bytes.data(), id.bytes.size());
  return id;
}

}  // namespace zswarm::bus
