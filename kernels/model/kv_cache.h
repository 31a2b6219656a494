// The paged key-value cache of the layers that a Model holds.
//
// Memory is one pool of pages; a page holds the keys and values of kPageTokens consecutive positions of one
// sequence, for all layers [first, last) and all KV heads. Who owns which page is not decided here:
// node/engine's page table does that. Layout inside a page is a matter of kernels/ops/attention (keys are
// stored transposed in groups of 16). Values are float16.
//
// The pool is allocated once, with huge pages if the system grants them; memory is touched on first use.
// Written by Model::forward (different pages by different members of its team); copying a page is for the
// engine's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "kernels/base/error.h"
#include "kernels/base/huge_memory.h"
#include "kernels/model/config.h"

namespace zswarm::model {

inline constexpr std::uint32_t kPageTokens = 32;
using PageId = std::uint32_t;

struct LayerRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;  // one past
  [[nodiscard]] std::uint32_t size() const { return last - first; }
};

class KvCache {
 public:
  [[nodiscard]] static std::size_t page_bytes(const Config& config, LayerRange layers);

  /// kOutOfMemory if the pool cannot be reserved.
  static Result<std::unique_ptr<KvCache>> create(const Config& config, LayerRange layers,
                                                 std::uint32_t pages);
  [[nodiscard]] std::uint32_t pages() const { return pages_; }
  /// Copies one page's whole content (for copy-on-write of a shared last page).
  void copy_page(PageId from, PageId to);

  /// Keys (then values) of `kv_head` in `layer` (absolute index) in a page: float16, kPageTokens * head_dim
  /// each.
  [[nodiscard]] std::uint16_t* keys(PageId page, std::uint32_t layer, std::uint32_t kv_head) const;
  [[nodiscard]] std::uint16_t* values(PageId page, std::uint32_t layer, std::uint32_t kv_head) const;
  /// float16 elements from one page to the next.
  [[nodiscard]] std::size_t page_stride() const { return page_elements_; }

 private:
  KvCache(const Config& config, LayerRange layers, std::uint32_t pages, HugeMemory memory);

  LayerRange layers_;
  std::uint32_t pages_;
  std::size_t head_elements_;   // kPageTokens * head_dim
  std::size_t layer_elements_;  // keys and values of all heads
  std::size_t page_elements_;
  HugeMemory memory_;
};

}  // namespace zswarm::model
