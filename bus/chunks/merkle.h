// The hash tree of a blob: BLAKE2b-256, built as in RFC 6962, section 2.1 ("Certificate Transparency"), with
// its separation of leaves (a byte 0 in front) from inner nodes (a byte 1).
//
// Level 0 holds one hash per chunk; each level above holds the hashes of pairs, and a node without a partner
// is taken up unchanged. Nodes are numbered level by level from 0, so a tree is an array and a file. The
// proof of a chunk is its sibling on each level, bottom up, where it has one: at most 26 hashes.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "bus/chunks/manifest.h"

namespace zswarm::bus {

[[nodiscard]] Hash leaf_hash(ByteView chunk);
[[nodiscard]] Hash parent_hash(const Hash& left, const Hash& right);

class TreeShape {
 public:
  /// 1 to kChunks leaves.
  explicit TreeShape(std::uint64_t leaves);

  [[nodiscard]] std::uint64_t nodes() const { return starts_.back() + 1; }
  /// The siblings on the way from a leaf to the root; none on a level where the node is alone.
  struct Step {
    std::optional<std::uint64_t> sibling;  // number of the node
    bool sibling_is_left = false;
  };
  [[nodiscard]] std::vector<Step> path(std::uint64_t leaf) const;
  /// Hashes in the proof of a leaf.
  [[nodiscard]] std::size_t proof_hashes(std::uint64_t leaf) const;

  [[nodiscard]] std::size_t levels() const { return starts_.size(); }
  /// Number of the first node of a level, and how many it has.
  [[nodiscard]] std::uint64_t start(std::size_t level) const { return starts_[level]; }
  [[nodiscard]] std::uint64_t width(std::size_t level) const { return widths_[level]; }

 private:
  std::vector<std::uint64_t> starts_, widths_;
};

struct TreeNode {
  std::uint64_t number = 0;
  Hash hash{};
};

/// The siblings that the proof holds, if data and proof lead to the manifest's root; nothing otherwise. They
/// are then known to be right, and are all that is needed to prove the chunk to others. `chunk` is below
/// manifest.chunks().
[[nodiscard]] std::optional<std::vector<TreeNode>> verify_chunk(const Manifest& manifest,
                                                                const TreeShape& shape, std::uint64_t chunk,
                                                                ByteView data, ByteView proof);

/// Every node of the tree over `leaves`, by number.
[[nodiscard]] std::vector<Hash> whole_tree(std::vector<Hash> leaves);

}  // namespace zswarm::bus
