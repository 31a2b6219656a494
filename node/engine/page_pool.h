// Who owns which page of the KV cache, and which pages hold what: reference counts, a free list, and an index
// of full pages by content, so that requests which begin with the same tokens share the memory and the work.
//
// A page is in one of three states:
//   used    referenced by one or more sequences;
//   cached  referenced by nobody, but full and findable by content; taken back, least recently used first,
//   when
//           no free page is left;
//   free    neither.
// Only full pages are ever published (found by content, shared), and a published page is not written again.
// What a page holds is decided by all tokens up to its end, so it is found by the published page before it
// plus its own tokens. Tokens are compared one by one, never by a hash: two users' prompts cannot be made to
// collide. A page is released after the pages that follow it, hence taken back after them: what is in the
// index can always be reached from the first page.
//
// One thread (the engine's). No errors but exhaustion: allocate() gives nothing. Breaking a rule above is a
// bug and asserted.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "kernels/model/kv_cache.h"

namespace zswarm::node {

using model::kPageTokens;
using model::PageId;

class PagePool {
 public:
  using PageTokens = std::array<std::int32_t, kPageTokens>;

  /// `share`: whether pages are published at all (a prefix cache can be turned off).
  explicit PagePool(std::uint32_t pages, bool share = true);

  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(pages_.size()); }
  [[nodiscard]] std::uint32_t used() const { return used_; }
  [[nodiscard]] std::uint32_t cached() const { return cached_; }
  /// Pages that allocate() can hand out: free and cached ones.
  [[nodiscard]] std::uint32_t available() const { return size() - used_; }
  [[nodiscard]] bool sharing() const { return share_; }

  /// A page of unknown content, referenced once by the caller.
  [[nodiscard]] std::optional<PageId> allocate();

  /// The published page that holds `tokens` after `parent` (the published page before it, referenced by the
  /// caller; nothing for a sequence's first page). The caller gets a reference.
  [[nodiscard]] std::optional<PageId> find(std::optional<PageId> parent,
                                           std::span<const std::int32_t> tokens);

  /// Makes a full page findable. If the same content was published before, the caller's reference moves to
  /// that page (the bits are the same) and `page` is released. Returns the page to use from now on.
  [[nodiscard]] PageId publish(PageId page, std::optional<PageId> parent,
                               std::span<const std::int32_t> tokens);

  /// Gives back one reference to each page of a sequence's table, the last one first.
  void release(std::span<const PageId> table);

  /// How many sequences reference the page.
  [[nodiscard]] std::uint32_t references(PageId page) const { return pages_[page].references; }
  [[nodiscard]] bool published(PageId page) const { return pages_[page].content != 0; }

  /// Checks every invariant above in O(pages); for tests.
  void check() const;

 private:
  using ContentId = std::uint64_t;  // names a published page's content; never used twice; 0: none, or "before
                                    // the first page"
  using Key = std::pair<ContentId, PageTokens>;  // (the content before this page, this page's tokens)
  using Index = std::map<Key, PageId>;
  static constexpr PageId kNone = 0xffffffff;

  struct Page {
    std::uint32_t references = 0;
    ContentId content = 0;
    Index::iterator entry;                // only if content != 0
    PageId newer = kNone, older = kNone;  // neighbours in the list of cached pages
  };

  [[nodiscard]] Key key_of(std::optional<PageId> parent, std::span<const std::int32_t> tokens) const;
  void reference(PageId page);
  void release_one(PageId page);
  void link_newest(PageId page);
  void unlink(PageId page);

  const bool share_;
  std::vector<Page> pages_;
  std::vector<PageId> free_;
  Index index_;
  ContentId next_content_ = 1;
  PageId newest_ = kNone, oldest_ = kNone;  // of the cached pages
  std::uint32_t used_ = 0, cached_ = 0;
};

}  // namespace zswarm::node
