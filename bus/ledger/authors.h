// Who has entries in a ledger, and how much of it each takes.
//
// An author has a number while it has entries; the numbers are small and used again. One thread; owns nothing
// else.
#pragma once

#include <unordered_map>
#include <vector>

#include "bus/ledger/entry.h"

namespace zswarm::bus {

struct Quota {
  std::size_t entries = 0;
  std::size_t bytes = 0;  // keys, values and kEntryOverhead for each

  [[nodiscard]] bool exceeds(const Quota& limit) const {
    return entries > limit.entries || bytes > limit.bytes;
  }
};

/// What an entry costs beside key and value: hashes, signature, links, allocation.
inline constexpr std::size_t kEntryOverhead = 256;

struct Author {
  NodeId id;
  SignPublicKey key{};
  Quota used;
};

class Authors {
 public:
  static constexpr std::size_t kMaxAuthors = 65'536;

  /// Null for one without entries.
  [[nodiscard]] const Author* find(const NodeId& id) const {
    const auto found = numbers_.find(id);
    return found == numbers_.end() ? nullptr : &authors_[found->second];
  }
  [[nodiscard]] const Author& operator[](std::uint32_t number) const { return authors_[number]; }
  [[nodiscard]] bool full() const { return numbers_.size() >= kMaxAuthors; }

  /// Counts an entry of so many bytes in; the number of its author.
  std::uint32_t add(const NodeId& id, const SignPublicKey& key, std::size_t bytes) {
    const auto [place, fresh] = numbers_.try_emplace(id, 0);
    if (fresh) {
      if (free_.empty()) {
        free_.push_back(static_cast<std::uint32_t>(authors_.size()));
        authors_.emplace_back();
      }
      place->second = free_.back();
      free_.pop_back();
      authors_[place->second] = {id, key, {}};
    }
    Quota& used = authors_[place->second].used;
    used = {used.entries + 1, used.bytes + bytes};
    return place->second;
  }

  void subtract(std::uint32_t number, std::size_t bytes) {
    Author& author = authors_[number];
    author.used = {author.used.entries - 1, author.used.bytes - bytes};
    if (author.used.entries > 0) return;
    numbers_.erase(author.id);
    free_.push_back(number);
  }

 private:
  std::unordered_map<NodeId, std::uint32_t> numbers_;
  std::vector<Author> authors_;
  std::vector<std::uint32_t> free_;
};

}  // namespace zswarm::bus
