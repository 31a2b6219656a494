// A blob in memory, for small ones and for tests.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "bus/chunks/blob_store.h"

namespace zswarm::bus {

class MemoryStore final : public BlobStore {
 public:
  /// An empty one, to be filled.
  explicit MemoryStore(const Manifest& manifest)
      : BlobStore(manifest), bytes_(manifest.size), nodes_(shape().nodes()) {}

  /// A full one. `bytes` is not empty.
  [[nodiscard]] static std::shared_ptr<MemoryStore> of(ByteView bytes,
                                                       std::uint32_t chunk_bytes = kChunkBytes) {
    std::vector<Hash> leaves;
    for (std::size_t at = 0; at < bytes.size(); at += chunk_bytes)
      leaves.push_back(leaf_hash(bytes.subspan(at, std::min<std::size_t>(chunk_bytes, bytes.size() - at))));
    std::vector<Hash> nodes = whole_tree(std::move(leaves));
    auto store = std::make_shared<MemoryStore>(Manifest{bytes.size(), chunk_bytes, nodes.back()});
    store->bytes_.assign(bytes.begin(), bytes.end());
    store->nodes_ = std::move(nodes);
    store->have_map().set_all();
    return store;
  }

  [[nodiscard]] const Bytes& bytes() const { return bytes_; }
  [[nodiscard]] bool finished() const { return finished_; }

  Status checkpoint() override { return {}; }
  Status finish() override {
    finished_ = true;
    return {};
  }

 private:
  Status read(std::uint64_t offset, std::span<std::uint8_t> to) override {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), to.size(), to.begin());
    return {};
  }
  Status write(std::uint64_t offset, ByteView bytes) override {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }
  Status read_node(std::uint64_t number, Hash& to) override {
    to = nodes_[number];
    return {};
  }
  Status write_node(std::uint64_t number, const Hash& hash) override {
    nodes_[number] = hash;
    return {};
  }

  Bytes bytes_;
  std::vector<Hash> nodes_;
  bool finished_ = false;
};

}  // namespace zswarm::bus
