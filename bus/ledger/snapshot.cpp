#include "bus/ledger/snapshot.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "bus/base/base32.h"
#include "bus/keys/descriptor.h"
#include "bus/keys/private_file.h"
#include "bus/keys/secret.h"

namespace zswarm::bus {
namespace {

constexpr std::string_view kMagic = "zsledger";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeadBytes = 8 + 4 + 8, kHashBytes = 32, kLengthBytes = 4;
constexpr std::size_t kBufferBytes = 1u << 20;

tl::unexpected<Error> io_error(const std::filesystem::path& path, const char* what) {
  return fail(ErrorCode::kIo, shown_path(path) + ": " + what + ": " + std::strerror(errno) + ".");
}

template <class T>
void append_little(Bytes& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<std::uint8_t>(value >> 8 * i));
}

std::uint64_t little(ByteView bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) value = value << 8 | bytes[i - 1];
  return value;
}

bool write_all(int file, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(file, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return true;
}

/// Hashes and writes in pieces, so that a snapshot is never in memory as a whole.
class HashedFile {
 public:
  explicit HashedFile(int file) : file_(file) {
    ready_sodium();
    crypto_generichash_init(&hash_, nullptr, 0, kHashBytes);
  }
  [[nodiscard]] bool add(ByteView bytes) {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return buffer_.size() < kBufferBytes || flush();
  }
  [[nodiscard]] bool finish() {
    if (!flush()) return false;
    ByteArray<kHashBytes> hash;
    crypto_generichash_final(&hash_, hash.data(), hash.size());
    return write_all(file_, hash);
  }

 private:
  bool flush() {
    crypto_generichash_update(&hash_, buffer_.data(), buffer_.size());
    const bool written = write_all(file_, buffer_);
    buffer_.clear();
    return written;
  }
  int file_;
  crypto_generichash_state hash_;
  Bytes buffer_;
};

std::filesystem::path beside(const std::filesystem::path& path, const std::string& ending) {
  return path.native() + ending;
}

Result<Bytes> read_file(const std::filesystem::path& path, std::size_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.open() && errno == ENOENT)
    return fail(ErrorCode::kNotFound, shown_path(path) + ": there is none.");
  struct stat status {};
  if (!file.open() || fstat(file.number(), &status) != 0) return io_error(path, "cannot be read");
  if (!S_ISREG(status.st_mode))
    return fail(ErrorCode::kMalformed, shown_path(path) + ": this is not a file.");
  if (static_cast<std::uint64_t>(status.st_size) > max_bytes)
    return fail(ErrorCode::kTooLarge, shown_path(path) + ": too large for a snapshot of the ledger.");
  Bytes bytes(static_cast<std::size_t>(status.st_size));
  std::size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t got = ::read(file.number(), bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error(path, "cannot be read");
    if (got == 0) break;  // it became shorter: the hash will show it
    size += static_cast<std::size_t>(got);
  }
  bytes.resize(size);
  return bytes;
}

bool is_whole(ByteView file) {
  if (file.size() < kHeadBytes + kHashBytes) return false;
  const ByteView contents = file.first(file.size() - kHashBytes), hash = file.last(kHashBytes);
  const Hash expected = hash_of(contents);
  return std::equal(hash.begin(), hash.end(), expected.begin());
}

/// Entries by their lengths; what does not come out counts as one more, which the loader will leave out.
std::uint64_t counted(ByteView entries) {
  std::uint64_t count = 0;
  for (; !entries.empty(); ++count) {
    if (entries.size() < kLengthBytes) return count + 1;
    const std::uint64_t length = little(entries.first(kLengthBytes));
    if (length > entries.size() - kLengthBytes) return count + 1;
    entries = entries.subspan(kLengthBytes + length);
  }
  return count;
}

tl::unexpected<Error> damaged(const std::filesystem::path& path) {
  const std::filesystem::path aside = beside(path, ".damaged");
  const bool moved = ::rename(path.c_str(), aside.c_str()) == 0;
  return fail(ErrorCode::kMalformed, shown_path(path) + ": the snapshot of the ledger is damaged; " +
                                         (moved ? "it was moved to " + shown_path(aside)
                                                : std::string("it could not be moved aside")) +
                                         ". The other members have what was in it.");
}

}  // namespace

/// A file that is written beside its place; removed again unless it has been moved there.
struct SnapshotSaver::File {
  File(std::filesystem::path wanted, std::filesystem::path until_then, int number)
      : path(std::move(wanted)), part(std::move(until_then)), descriptor(number), out(number) {}
  ~File() {
    if (!placed) ::unlink(part.c_str());
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::filesystem::path path, part;
  const Descriptor descriptor;
  HashedFile out;
  bool placed = false;
};

SnapshotSaver::SnapshotSaver(std::unique_ptr<File> file) : file_(std::move(file)) {}
SnapshotSaver::~SnapshotSaver() = default;
SnapshotSaver::SnapshotSaver(SnapshotSaver&&) noexcept = default;

Result<SnapshotSaver> SnapshotSaver::open(const std::filesystem::path& path, std::uint64_t count) {
  ByteArray<10> random;
  fill_random(random);
  const std::filesystem::path part = beside(path, "." + base32_text(random) + ".part");
  const int number = ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (number < 0) return io_error(path, "cannot be written");
  auto file = std::make_unique<File>(path, part, number);
  Bytes head(kMagic.begin(), kMagic.end());
  append_little(head, kVersion);
  append_little(head, count);
  if (!file->out.add(head)) return io_error(path, "cannot be written");
  return SnapshotSaver(std::move(file));
}

Result<bool> SnapshotSaver::step(const Ledger& ledger, std::size_t max_entries, Flush flush) {
  bool more = false, good = true;
  ledger.records().walk_positions(next_, Bound::infinity(), [&](RecordIndex record) {
    if (max_entries-- == 0) {
      next_ = Bound{ledger.records()[record].position_key(), false};
      more = true;
      return false;
    }
    const Bytes entry = ledger.encoded(record);
    Bytes length;
    append_little(length, static_cast<std::uint32_t>(entry.size()));
    good = file_->out.add(length) && file_->out.add(entry);
    written_ += 1;
    return good;
  });
  if (!good) return io_error(file_->path, "cannot be written");
  if (more) return true;
  if (auto finished = finish(flush); !finished) return tl::unexpected(finished.error());
  return false;
}

Status SnapshotSaver::finish(Flush flush) {
  File& file = *file_;
  const bool flushed = file.out.finish() && (flush == Flush::kNo || fsync(file.descriptor.number()) == 0);
  if (!flushed || ::rename(file.part.c_str(), file.path.c_str()) != 0)
    return io_error(file.path, "cannot be written");
  file.placed = true;
  if (flush == Flush::kNo) return {};
  const std::filesystem::path folder = file.path.has_parent_path() ? file.path.parent_path() : ".";
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.open() || fsync(opened.number()) != 0) return io_error(folder, "cannot be written");
  return {};
}

Result<std::size_t> save_snapshot(const std::filesystem::path& path, const Ledger& ledger) {
  const std::uint64_t count = ledger.records().total().count;
  auto saver = SnapshotSaver::open(path, count);
  if (!saver) return tl::unexpected(saver.error());
  const auto more = saver->step(ledger, count, SnapshotSaver::Flush::kYes);
  if (!more) return tl::unexpected(more.error());
  return saver->written();
}

Result<SnapshotLoader> SnapshotLoader::open(const std::filesystem::path& path, std::size_t max_bytes) {
  Result<Bytes> file = read_file(path, max_bytes);
  if (!file) return tl::unexpected(file.error());
  if (!is_whole(*file) || !std::equal(kMagic.begin(), kMagic.end(), file->begin())) return damaged(path);
  if (const auto version = little(ByteView(*file).subspan(8, 4)); version != kVersion) {
    return fail(ErrorCode::kUnsupported, shown_path(path) + ": another version of zswarm wrote this " +
                                             "snapshot of the ledger (version " + std::to_string(version) +
                                             "); it stays unread.");
  }
  std::uint64_t count = little(ByteView(*file).subspan(12, 8));
  file->resize(file->size() - kHashBytes);
  file->erase(file->begin(), file->begin() + kHeadBytes);
  if (count == SnapshotSaver::kCountUnknown) count = counted(*file);
  return SnapshotLoader(std::move(*file), count);
}

bool SnapshotLoader::step(const Now& now, Ledger& ledger, std::size_t max_entries) {
  for (; left_ > 0 && max_entries > 0; --left_, --max_entries) {
    const ByteView rest = ByteView(file_).subspan(at_);
    const std::uint64_t length =
        rest.size() < kLengthBytes ? rest.size() : little(rest.first(kLengthBytes)) + kLengthBytes;
    if (length <= kLengthBytes || length > rest.size()) {
      left_out_ += left_;  // whoever made the hash made the lengths too, wrongly
      left_ = 0;
      break;
    }
    const Merged merged = ledger.merge(now, rest.subspan(kLengthBytes, length - kLengthBytes));
    ++(merged.refused() ? left_out_ : loaded_);
    at_ += length;
  }
  return left_ > 0;
}

Result<SnapshotLoader> load_snapshot(const std::filesystem::path& path, const Now& now, Ledger& ledger) {
  Result<SnapshotLoader> loader = SnapshotLoader::open(path);
  while (loader && loader->step(now, ledger, 1'024)) {
  }
  return loader;
}

}  // namespace zswarm::bus
