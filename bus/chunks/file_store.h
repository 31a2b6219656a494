// A blob in a file.
//
// While it arrives there are three files, all with mode 0600: NAME.part (the bytes, as long as the blob from
// the beginning, with holes), NAME.tree (32 bytes per node of the hash tree) and NAME.map (which chunks are
// there). A chunk is in the map on disk only after its bytes and proof are: checkpoint() and finish() order
// the writes with fdatasync. finish() renames NAME.part to NAME and removes the map; NAME.tree stays, for
// serving chunks to others. One process at a time: NAME.tree is locked (flock).
//
// NAME.map: one msgpack array [1, size, chunk bytes, root, map], written to NAME.map.new and renamed.
//
// Errors are kIo with the file's name and what the system said; kMalformed if files belong to another blob.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "bus/chunks/blob_store.h"

namespace zswarm::bus {

class FileStore final : public BlobStore {
 public:
  /// Goes on with what is there, or begins anew. `path` is NAME, which must not exist unless it is the whole
  /// blob.
  [[nodiscard]] static Result<std::shared_ptr<FileStore>> open(const std::string& path,
                                                               const Manifest& manifest);

  /// Publishes a file that is there: reads it once, from beginning to end, and writes NAME.tree. Takes as
  /// long as that takes, so not on the thread of the bus. `progress` is called with the bytes read so far;
  /// false stops with kCancelled.
  [[nodiscard]] static Result<std::shared_ptr<FileStore>> publish(
      const std::string& path, std::uint32_t chunk_bytes = kChunkBytes,
      const std::function<bool(std::uint64_t)>& progress = {});

  ~FileStore() override;

  Status checkpoint() override;
  Status finish() override;
  [[nodiscard]] bool finished() const { return finished_; }

 private:
  /// An open file; closed when it goes.
  class File {
   public:
    File() = default;
    explicit File(int fd) : fd_(fd) {}
    File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    File& operator=(File&& other) noexcept {
      std::swap(fd_, other.fd_);
      return *this;
    }
    ~File();
    [[nodiscard]] int fd() const { return fd_; }

   private:
    int fd_ = -1;
  };

  FileStore(std::string path, const Manifest& manifest, File data, File tree, bool finished);
  [[nodiscard]] static Result<File> open_file(const std::string& path, bool create);
  [[nodiscard]] static Result<File> open_tree(const std::string& path);
  [[nodiscard]] Status load_map();
  [[nodiscard]] Status save_map();

  Status read(std::uint64_t offset, std::span<std::uint8_t> to) override;
  Status write(std::uint64_t offset, ByteView bytes) override;
  Status read_node(std::uint64_t number, Hash& to) override;
  Status write_node(std::uint64_t number, const Hash& hash) override;

  std::string path_;
  File data_, tree_;
  bool finished_;
};

}  // namespace zswarm::bus
