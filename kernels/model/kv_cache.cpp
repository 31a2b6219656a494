#include "kernels/model/kv_cache.h"

#include <cstring>
#include <utility>

namespace zswarm::model {

std::size_t KvCache::page_bytes(const Config& config, LayerRange layers) {
  return std::size_t{layers.size()} * 2 * config.kv_heads * kPageTokens * config.head_dim *
         sizeof(std::uint16_t);
}

Result<std::unique_ptr<KvCache>> KvCache::create(const Config& config, LayerRange layers,
                                                 std::uint32_t pages) {
  Result<HugeMemory> memory = HugeMemory::allocate(page_bytes(config, layers) * pages);
  if (!memory) return fail(std::move(memory.error()));
  return std::unique_ptr<KvCache>(new KvCache(config, layers, pages, std::move(*memory)));
}

KvCache::KvCache(const Config& config, LayerRange layers, std::uint32_t pages, HugeMemory memory)
    : layers_(layers),
      pages_(pages),
      head_elements_(std::size_t{kPageTokens} * config.head_dim),
      layer_elements_(2 * config.kv_heads * head_elements_),
      page_elements_(layers.size() * layer_elements_),
      memory_(std::move(memory)) {}

void KvCache::copy_page(PageId from, PageId to) {
  ZS_ASSERT(from < pages_ && to < pages_ && from != to);
  const std::size_t bytes = page_elements_ * sizeof(std::uint16_t);
  std::memcpy(memory_.data() + to * bytes, memory_.data() + from * bytes, bytes);
}

std::uint16_t* KvCache::keys(PageId page, std::uint32_t layer, std::uint32_t kv_head) const {
  auto* elements = reinterpret_cast<std::uint16_t*>(memory_.data());
  return elements + page * page_elements_ + (layer - layers_.first) * layer_elements_ +
         2 * kv_head * head_elements_;
}

std::uint16_t* KvCache::values(PageId page, std::uint32_t layer, std::uint32_t kv_head) const {
  return keys(page, layer, kv_head) + head_elements_;
}

}  // namespace zswarm::model
