#include "node/engine/page_pool.h"

#include <algorithm>

#include "kernels/base/error.h"

namespace zswarm::node {

PagePool::PagePool(std::uint32_t pages, bool share) : share_(share), pages_(pages) {
  free_.reserve(pages);
  for (PageId page = pages; page > 0; --page) free_.push_back(page - 1);
}

std::optional<PageId> PagePool::allocate() {
  PageId page = kNone;
  if (!free_.empty()) {
    page = free_.back();
    free_.pop_back();
  } else if (oldest_ != kNone) {
    page = oldest_;
    unlink(page);
    index_.erase(pages_[page].entry);
    pages_[page].content = 0;
  } else {
    return std::nullopt;
  }
  pages_[page].references = 1;
  ++used_;
  return page;
}

PagePool::Key PagePool::key_of(std::optional<PageId> parent, std::span<const std::int32_t> tokens) const {
  ZS_ASSERT(tokens.size() == kPageTokens);
  Key key{0, {}};
  if (parent) {
    ZS_ASSERT(pages_[*parent].content != 0 && pages_[*parent].references > 0);
    key.first = pages_[*parent].content;
  }
  std::copy(tokens.begin(), tokens.end(), key.second.begin());
  return key;
}

std::optional<PageId> PagePool::find(std::optional<PageId> parent, std::span<const std::int32_t> tokens) {
  if (!share_) return std::nullopt;
  const auto found = index_.find(key_of(parent, tokens));
  if (found == index_.end()) return std::nullopt;
  reference(found->second);
  return found->second;
}

PageId PagePool::publish(PageId page, std::optional<PageId> parent, std::span<const std::int32_t> tokens) {
  ZS_ASSERT(share_ && pages_[page].references == 1 && pages_[page].content == 0);
  const auto [entry, inserted] = index_.try_emplace(key_of(parent, tokens), page);
  if (!inserted) {
    reference(entry->second);
    release_one(page);
    return entry->second;
  }
  pages_[page].content = next_content_++;
  pages_[page].entry = entry;
  return page;
}

void PagePool::release(std::span<const PageId> table) {
  for (std::size_t i = table.size(); i > 0; --i) release_one(table[i - 1]);
}

void PagePool::reference(PageId page) {
  if (pages_[page].references++ == 0) {
    unlink(page);
    ++used_;
  }
}

void PagePool::release_one(PageId page) {
  ZS_ASSERT(pages_[page].references > 0);
  if (--pages_[page].references > 0) return;
  --used_;
  if (pages_[page].content != 0) {
    link_newest(page);
  } else {
    free_.push_back(page);
  }
}

void PagePool::link_newest(PageId page) {
  pages_[page].older = newest_;
  pages_[page].newer = kNone;
  (newest_ == kNone ? oldest_ : pages_[newest_].newer) = page;
  newest_ = page;
  ++cached_;
}

void PagePool::unlink(PageId page) {
  Page& p = pages_[page];
  (p.newer == kNone ? newest_ : pages_[p.newer].older) = p.older;
  (p.older == kNone ? oldest_ : pages_[p.older].newer) = p.newer;
  p.newer = p.older = kNone;
  --cached_;
}

void PagePool::check() const {
  std::vector<int> seen(pages_.size(), 0);  // how many of the three states claim the page
  std::uint32_t used = 0;
  for (std::size_t i = 0; i < pages_.size(); ++i) {
    if (pages_[i].references > 0) ++used, ++seen[i];
  }
  ZS_ASSERT(used == used_);
  for (const PageId page : free_) {
    ++seen[page];
    ZS_ASSERT(pages_[page].content == 0);
  }
  std::uint32_t cached = 0;
  for (PageId page = oldest_, before = kNone; page != kNone; before = page, page = pages_[page].newer) {
    ++cached, ++seen[page];
    ZS_ASSERT(pages_[page].content != 0 && pages_[page].older == before && cached <= size());
  }
  ZS_ASSERT(cached == cached_);
  ZS_ASSERT(std::all_of(seen.begin(), seen.end(), [](int count) { return count == 1; }));

  std::map<ContentId, PageId> contents;
  for (const auto& [key, page] : index_) {
    ZS_ASSERT(contents.emplace(pages_[page].content, page).second && pages_[page].content != 0);
  }
  for (const auto& [key, page] :
       index_) {  // each published page can be reached, and a used page's parent is used
    if (key.first == 0) continue;
    const auto parent = contents.find(key.first);
    ZS_ASSERT(parent != contents.end());
    ZS_ASSERT(pages_[page].references <= pages_[parent->second].references);
  }
  const auto with_content =
      std::count_if(pages_.begin(), pages_.end(), [](const Page& p) { return p.content != 0; });
  ZS_ASSERT(static_cast<std::size_t>(with_content) == index_.size());
}

}  // namespace zswarm::node
