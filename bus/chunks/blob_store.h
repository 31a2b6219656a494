// Where a blob lies: its chunks, as many as there are, and the nodes of its hash tree that are known.
//
// What comes in is verified before put(). have() tells what is there; after checkpoint() it survives a crash.
// The calls read and write on the thread of the bus: a store that may block for long (a network disk) keeps
// its own queue. Errors are kIo, with what to do about them; kNotFound for what is not there. Belongs to one
// thread; a fetch and a server of that thread may share one, so that a blob is passed on while it arrives.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bus/base/error.h"
#include "bus/chunks/chunk_map.h"
#include "bus/chunks/manifest.h"
#include "bus/chunks/merkle.h"

namespace zswarm::bus {

class BlobStore {
 public:
  /// The manifest has passed check().
  explicit BlobStore(const Manifest& manifest)
      : manifest_(manifest), shape_(manifest.chunks()), have_(manifest.chunks()) {}
  virtual ~BlobStore() = default;
  BlobStore(const BlobStore&) = delete;
  BlobStore& operator=(const BlobStore&) = delete;

  [[nodiscard]] const Manifest& manifest() const { return manifest_; }
  [[nodiscard]] const TreeShape& shape() const { return shape_; }
  [[nodiscard]] const ChunkMap& have() const { return have_; }

  /// `siblings` as verify_chunk() gave them.
  Status put(std::uint64_t chunk, ByteView data, const std::vector<TreeNode>& siblings);
  [[nodiscard]] Result<Bytes> chunk(std::uint64_t chunk);
  /// The hashes that prove it, one behind the other.
  [[nodiscard]] Result<Bytes> proof(std::uint64_t chunk);

  /// What have() says now survives a crash of the machine.
  virtual Status checkpoint() = 0;
  /// Everything is there: makes it durable, and visible under its final name, in one step.
  virtual Status finish() = 0;

 protected:
  virtual Status read(std::uint64_t offset, std::span<std::uint8_t> to) = 0;
  virtual Status write(std::uint64_t offset, ByteView bytes) = 0;
  virtual Status read_node(std::uint64_t number, Hash& to) = 0;
  virtual Status write_node(std::uint64_t number, const Hash& hash) = 0;
  [[nodiscard]] ChunkMap& have_map() { return have_; }

 private:
  Manifest manifest_;
  TreeShape shape_;
  ChunkMap have_;
};

}  // namespace zswarm::bus
