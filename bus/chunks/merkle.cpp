#include "bus/chunks/merkle.h"

#include <sodium.h>

#include <algorithm>
#include <bit>

namespace zswarm::bus {
namespace {

constexpr std::uint8_t kLeaf = 0, kInner = 1, kManifest = 2;

class Blake2b {
 public:
  explicit Blake2b(std::uint8_t kind) {
    crypto_generichash_init(&state_, nullptr, 0, sizeof(Hash));
    add({&kind, 1});
  }
  void add(ByteView bytes) { crypto_generichash_update(&state_, bytes.data(), bytes.size()); }
  [[nodiscard]] Hash hash() {
    Hash hash;
    crypto_generichash_final(&state_, hash.data(), hash.size());
    return hash;
  }

 private:
  crypto_generichash_state state_;
};

}  // namespace

BlobId Manifest::id() const {
  ByteArray<12> numbers;
  for (int i = 0; i < 8; ++i) numbers[i] = static_cast<std::uint8_t>(size >> (56 - 8 * i));
  for (int i = 0; i < 4; ++i) numbers[8 + i] = static_cast<std::uint8_t>(chunk_bytes >> (24 - 8 * i));
  Blake2b hash(kManifest);
  hash.add(numbers);
  hash.add(root);
  return hash.hash();
}

Status Manifest::check() const {
  if (chunk_bytes < kChunkBytesMin || chunk_bytes > kChunkBytesMax || !std::has_single_bit(chunk_bytes))
    return fail(ErrorCode::kMalformed, "a blob's chunk size is no power of two between 4 KiB and 512 KiB");
  if (size == 0) return fail(ErrorCode::kMalformed, "a blob has no bytes");
  if (size > kChunks * chunk_bytes) return fail(ErrorCode::kTooLarge, "a blob has more than 2^26 chunks");
  return {};
}

std::string hash_text(const Hash& hash) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : hash) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Hash leaf_hash(ByteView chunk) {
  Blake2b hash(kLeaf);
  hash.add(chunk);
  return hash.hash();
}

Hash parent_hash(const Hash& left, const Hash& right) {
  Blake2b hash(kInner);
  hash.add(left);
  hash.add(right);
  return hash.hash();
}

TreeShape::TreeShape(std::uint64_t leaves) {
  ZS_BUS_ASSERT(leaves >= 1 && leaves <= kChunks);
  std::uint64_t start = 0;
  for (std::uint64_t width = leaves;; width = (width + 1) / 2) {
    starts_.push_back(start);
    widths_.push_back(width);
    start += width;
    if (width == 1) return;
  }
}

std::vector<TreeShape::Step> TreeShape::path(std::uint64_t leaf) const {
  std::vector<Step> steps;
  for (std::size_t level = 0; level + 1 < levels(); ++level, leaf /= 2) {
    const std::uint64_t sibling = leaf ^ 1;
    Step step;
    if (sibling < widths_[level]) step = {starts_[level] + sibling, sibling < leaf};
    steps.push_back(step);
  }
  return steps;
}

std::size_t TreeShape::proof_hashes(std::uint64_t leaf) const {
  const std::vector<Step> steps = path(leaf);
  return std::count_if(steps.begin(), steps.end(), [](const Step& step) { return step.sibling.has_value(); });
}

std::optional<std::vector<TreeNode>> verify_chunk(const Manifest& manifest, const TreeShape& shape,
                                                  std::uint64_t chunk, ByteView data, ByteView proof) {
  if (data.size() != manifest.length(chunk) || proof.size() != shape.proof_hashes(chunk) * sizeof(Hash))
    return std::nullopt;
  std::vector<TreeNode> siblings;
  Hash hash = leaf_hash(data);
  for (const TreeShape::Step& step : shape.path(chunk)) {
    if (!step.sibling) continue;
    TreeNode& sibling = siblings.emplace_back();
    sibling.number = *step.sibling;
    std::copy_n(proof.begin(), sizeof(Hash), sibling.hash.begin());
    proof = proof.subspan(sizeof(Hash));
    hash = step.sibling_is_left ? parent_hash(sibling.hash, hash) : parent_hash(hash, sibling.hash);
  }
  if (hash != manifest.root) return std::nullopt;
  return siblings;
}

std::vector<Hash> whole_tree(std::vector<Hash> leaves) {
  const TreeShape shape(leaves.size());
  std::vector<Hash> nodes = std::move(leaves);
  nodes.reserve(shape.nodes());
  for (std::size_t level = 0; level + 1 < shape.levels(); ++level) {
    const std::uint64_t start = shape.start(level), width = shape.width(level);
    for (std::uint64_t i = 0; i < width; i += 2) {
      const Hash left = nodes[start + i];
      nodes.push_back(i + 1 < width ? parent_hash(left, nodes[start + i + 1]) : left);
    }
  }
  return nodes;
}

}  // namespace zswarm::bus
