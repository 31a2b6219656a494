#include "bus/chunks/file_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "bus/wire/pack.h"

namespace zswarm::bus {
namespace {

constexpr std::uint64_t kMapVersion = 1;
// The largest map, and what stands beside it.
constexpr std::size_t kMapFileBytes = kChunks / 8 + 128;

tl::unexpected<Error> io_error(const std::string& what, const std::string& path) {
  return fail(ErrorCode::kIo, what + " " + path + ": " + std::strerror(errno));
}

Status read_all(int fd, std::uint64_t offset, std::span<std::uint8_t> to, const std::string& path) {
  while (!to.empty()) {
    const ssize_t done = ::pread(fd, to.data(), to.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return io_error("cannot read", path);
    if (done == 0) return fail(ErrorCode::kIo, "cannot read " + path + ": it is shorter than it should be");
    offset += static_cast<std::uint64_t>(done);
    to = to.subspan(static_cast<std::size_t>(done));
  }
  return {};
}

Status write_all(int fd, std::uint64_t offset, ByteView bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t done = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return io_error("cannot write", path);
    offset += static_cast<std::uint64_t>(done);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return {};
}

Status sync_file(int fd, const std::string& path) {
  return ::fdatasync(fd) == 0 ? Status() : io_error("cannot write", path);
}

/// Makes renames within the folder of `path` durable.
Status sync_folder(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return io_error("cannot open", folder);
  const bool synced = ::fsync(fd) == 0;
  const Status status = synced ? Status() : io_error("cannot write", folder);
  ::close(fd);
  return status;
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

Result<std::uint64_t> size_of(int fd, const std::string& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return io_error("cannot read", path);
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

FileStore::File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

FileStore::FileStore(std::string path, const Manifest& manifest, File data, File tree, bool finished)
    : BlobStore(manifest),
      path_(std::move(path)),
      data_(std::move(data)),
      tree_(std::move(tree)),
      finished_(finished) {}

FileStore::~FileStore() = default;

Result<FileStore::File> FileStore::open_file(const std::string& path, bool create) {
  const int flags = create ? O_RDWR | O_CREAT : O_RDONLY;
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return io_error("cannot open", path);
  return File(fd);
}

Result<FileStore::File> FileStore::open_tree(const std::string& path) {
  Result<File> tree = open_file(path + ".tree", true);
  if (tree && ::flock(tree->fd(), LOCK_EX | LOCK_NB) != 0)
    return fail(ErrorCode::kIo, path + " is in use by another process of zswarm, or by this one already");
  return tree;
}

Result<std::shared_ptr<FileStore>> FileStore::open(const std::string& path, const Manifest& manifest) {
  if (Status checked = manifest.check(); !checked) return tl::unexpected<Error>(std::move(checked.error()));
  Result<File> tree = open_tree(path);
  if (!tree) return tl::unexpected<Error>(std::move(tree.error()));
  const bool finished = exists(path);
  const std::string data_path = finished ? path : path + ".part";
  Result<File> data = open_file(data_path, !finished);
  if (!data) return tl::unexpected<Error>(std::move(data.error()));
  std::shared_ptr<FileStore> store(
      new FileStore(path, manifest, std::move(*data), std::move(*tree), finished));
  const Result<std::uint64_t> size = size_of(store->data_.fd(), data_path);
  if (!size) return tl::unexpected<Error>(size.error());
  if (!finished) {
    if (Status loaded = store->load_map(); !loaded) return tl::unexpected<Error>(std::move(loaded.error()));
    if (::ftruncate(store->data_.fd(), static_cast<off_t>(manifest.size)) != 0)
      return io_error("cannot make room for the blob in", data_path);
    return store;
  }
  Hash root;
  Status found = store->read_node(store->shape().nodes() - 1, root);
  if (*size != manifest.size || !found || root != manifest.root)
    return fail(ErrorCode::kMalformed,
                path + " is there, but not known to be this blob: publish it, or move it away");
  store->have_map().set_all();
  return store;
}

Status FileStore::load_map() {
  const std::string path = path_ + ".map";
  if (!exists(path)) return {};  // nothing has been saved yet
  Result<File> file = open_file(path, false);
  if (!file) return tl::unexpected<Error>(std::move(file.error()));
  const Result<std::uint64_t> size = size_of(file->fd(), path);
  if (!size) return tl::unexpected<Error>(size.error());
  const Status damaged =
      fail(ErrorCode::kMalformed, path + " does not belong to this blob: delete it to begin anew");
  if (*size > kMapFileBytes) return damaged;
  Bytes bytes(*size);
  if (Status status = read_all(file->fd(), 0, bytes, path); !status) return status;
  Reader reader = Reader::of_bytes(bytes, {.bytes = kMapFileBytes});
  const std::uint64_t version = reader.uint();
  Manifest manifest;
  manifest.size = reader.uint();
  manifest.chunk_bytes = static_cast<std::uint32_t>(reader.uint(kChunkBytesMax));
  manifest.root = reader.fixed<32>();
  const ByteView map = reader.bin(kChunks / 8);
  if (!reader.ok() || version != kMapVersion || manifest != this->manifest()) return damaged;
  have_map().add(0, map);
  return {};
}

Status FileStore::save_map() {
  const std::string path = path_ + ".map", draft = path + ".new";
  Result<File> file = open_file(draft, true);
  if (!file) return tl::unexpected<Error>(std::move(file.error()));
  const Bytes bytes = Writer(5)
                          .uint(kMapVersion)
                          .uint(manifest().size)
                          .uint(manifest().chunk_bytes)
                          .bin(manifest().root)
                          .bin(have().bytes(0, kChunks / 8))
                          .take();
  if (::ftruncate(file->fd(), 0) != 0) return io_error("cannot write", draft);
  if (Status status = write_all(file->fd(), 0, bytes, draft); !status) return status;
  if (Status status = sync_file(file->fd(), draft); !status) return status;
  if (::rename(draft.c_str(), path.c_str()) != 0) return io_error("cannot rename to", path);
  return sync_folder(path);
}

Status FileStore::checkpoint() {
  if (finished_) return {};
  if (Status status = sync_file(data_.fd(), path_ + ".part"); !status) return status;
  if (Status status = sync_file(tree_.fd(), path_ + ".tree"); !status) return status;
  return save_map();
}

Status FileStore::finish() {
  if (finished_) return {};
  ZS_BUS_ASSERT(have().complete());
  // The last node names the blob when the file is opened again.
  if (Status status = write_node(shape().nodes() - 1, manifest().root); !status) return status;
  if (Status status = checkpoint(); !status) return status;
  const std::string part = path_ + ".part";
  if (exists(path_)) return fail(ErrorCode::kIo, path_ + " has appeared meanwhile: move it away");
  if (::rename(part.c_str(), path_.c_str()) != 0) return io_error("cannot rename to", path_);
  if (Status status = sync_folder(path_); !status) return status;
  finished_ = true;
  ::unlink((path_ + ".map").c_str());  // harmless if it stays
  return {};
}

Result<std::shared_ptr<FileStore>> FileStore::publish(const std::string& path, std::uint32_t chunk_bytes,
                                                      const std::function<bool(std::uint64_t)>& progress) {
  Result<File> data = open_file(path, false);
  if (!data) return tl::unexpected<Error>(std::move(data.error()));
  const Result<std::uint64_t> size = size_of(data->fd(), path);
  if (!size) return tl::unexpected<Error>(size.error());
  Manifest manifest{*size, chunk_bytes, {}};
  if (Status checked = manifest.check(); !checked) return tl::unexpected<Error>(std::move(checked.error()));
  std::vector<Hash> leaves;
  leaves.reserve(manifest.chunks());
  Bytes bytes(chunk_bytes);
  for (std::uint64_t chunk = 0; chunk < manifest.chunks(); ++chunk) {
    const std::uint64_t offset = chunk * chunk_bytes;
    if (progress && !progress(offset))
      return fail(ErrorCode::kCancelled, "publishing " + path + " was stopped");
    const std::span<std::uint8_t> part(bytes.data(), manifest.length(chunk));
    if (Status status = read_all(data->fd(), offset, part, path); !status)
      return tl::unexpected<Error>(std::move(status.error()));
    leaves.push_back(leaf_hash(part));
  }
  const std::vector<Hash> nodes = whole_tree(std::move(leaves));
  manifest.root = nodes.back();
  Result<File> tree = open_tree(path);
  if (!tree) return tl::unexpected<Error>(std::move(tree.error()));
  const ByteView raw(nodes.front().data(), nodes.size() * sizeof(Hash));
  if (Status status = write_all(tree->fd(), 0, raw, path + ".tree"); !status)
    return tl::unexpected<Error>(std::move(status.error()));
  std::shared_ptr<FileStore> store(new FileStore(path, manifest, std::move(*data), std::move(*tree), true));
  store->have_map().set_all();
  return store;
}

Status FileStore::read(std::uint64_t offset, std::span<std::uint8_t> to) {
  return read_all(data_.fd(), offset, to, path_);
}

Status FileStore::write(std::uint64_t offset, ByteView bytes) {
  return write_all(data_.fd(), offset, bytes, path_ + ".part");
}

Status FileStore::read_node(std::uint64_t number, Hash& to) {
  return read_all(tree_.fd(), number * sizeof(Hash), to, path_ + ".tree");
}

Status FileStore::write_node(std::uint64_t number, const Hash& hash) {
  return write_all(tree_.fd(), number * sizeof(Hash), hash, path_ + ".tree");
}

}  // namespace zswarm::bus
