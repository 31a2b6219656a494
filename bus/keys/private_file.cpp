#include "bus/keys/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "bus/base/base32.h"
#include "bus/keys/descriptor.h"
#include "bus/keys/sign.h"

namespace zswarm::bus {
namespace {

constexpr std::size_t kHashBytes = 8;
constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;
constexpr mode_t kOthers = S_IRWXG | S_IRWXO;

tl::unexpected<Error> io_error(const std::filesystem::path& path, const char* what, int error) {
  return fail(ErrorCode::kIo, shown_path(path) + ": " + what + ": " + std::strerror(error) + ".");
}

std::string first_line(std::string_view kind) {
  return "zswarm " + std::string(kind) + ": secret, never copy or share this file\n";
}

ByteArray<kHashBytes> hash_of_contents(std::string_view kind, ByteView contents) {
  Bytes all(kind.begin(), kind.end());
  all.reserve(kind.size() + contents.size());
  all.insert(all.end(), contents.begin(), contents.end());
  const SecretBytes wiped_later(std::move(all));
  const Hash hash = hash_of(wiped_later.reveal());
  ByteArray<kHashBytes> first;
  std::copy_n(hash.begin(), first.size(), first.begin());
  return first;
}

SecretText file_text(std::string_view kind, ByteView contents) {
  Bytes all;
  all.reserve(contents.size() + kHashBytes);
  all.insert(all.end(), contents.begin(), contents.end());
  const auto hash = hash_of_contents(kind, contents);
  all.insert(all.end(), hash.begin(), hash.end());
  const SecretBytes whole(std::move(all));
  const SecretText digits(base32_text(whole.reveal()));
  std::string text;
  text.reserve(kMaxPrivateFileBytes);
  text.append(first_line(kind)).append(digits.reveal()).append("\n");
  ZS_BUS_ASSERT(text.size() <= kMaxPrivateFileBytes);
  return SecretText(std::move(text));
}

/// The file's text; what follows kMaxPrivateFileBytes is left out, which its hash will show.
Result<SecretText> read_text(int file, const std::filesystem::path& path) {
  std::string text(kMaxPrivateFileBytes, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(file, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error(path, "cannot be read", errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return SecretText(std::move(text));
}

Status write_and_flush(int file, std::string_view text, const std::filesystem::path& path) {
  while (!text.empty()) {
    const ssize_t put = write(file, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return io_error(path, "cannot be written", errno);
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  if (fsync(file) != 0) return io_error(path, "cannot be written", errno);
  return {};
}

/// A name beside `path` that nobody else uses.
std::filesystem::path part_of(const std::filesystem::path& path) {
  ByteArray<10> random;
  fill_random(random);
  return path.native() + "." + base32_text(random) + ".part";
}

/// Makes the new name last, as fsync of the file alone does not.
Status flush_folder(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  const Descriptor opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.open() || fsync(opened.number()) != 0) return io_error(folder, "cannot be written", errno);
  return {};
}

}  // namespace

Result<SecretBytes> read_private_file(const std::filesystem::path& path, std::string_view kind) {
  // O_NONBLOCK: a pipe of that name must not hold us.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.open() && errno == ENOENT)
    return fail(ErrorCode::kNotFound, shown_path(path) + ": there is none.");
  struct stat status {};
  if (!file.open() || fstat(file.number(), &status) != 0) return io_error(path, "cannot be read", errno);
  if (!S_ISREG(status.st_mode))
    return fail(ErrorCode::kMalformed, shown_path(path) + ": this is not a file.");
  if ((status.st_mode & kOthers) != 0) {
    return fail(ErrorCode::kRefused, shown_path(path) +
                                         ": others on this machine may read this secret; if you " +
                                         "trust them, chmod 600 it, if not, remove it and start afresh.");
  }
  const auto text = read_text(file.number(), path);
  if (!text) return tl::unexpected(text.error());
  const auto damaged = [&] {
    return fail(ErrorCode::kMalformed,
                shown_path(path) + ": this is no " + std::string(kind) +
                    " of zswarm, or it is damaged; restore it from a backup, or remove " +
                    "it to start with a new one.");
  };
  std::string_view left = text->reveal();
  const std::string head = first_line(kind);
  if (left.substr(0, head.size()) != head || left.back() != '\n') return damaged();
  left.remove_prefix(head.size());
  if (left.empty()) return damaged();
  left.remove_suffix(1);
  auto decoded = base32_bytes(left);
  if (!decoded || decoded->size() < kHashBytes) return damaged();
  const SecretBytes whole(std::move(*decoded));
  const ByteView contents = ByteView(whole.reveal()).first(whole.reveal().size() - kHashBytes);
  const ByteView hash = ByteView(whole.reveal()).last(kHashBytes);
  if (!equal_in_constant_time(hash_of_contents(kind, contents), hash)) return damaged();
  return SecretBytes(Bytes(contents.begin(), contents.end()));
}

Status write_private_file(const std::filesystem::path& path, std::string_view kind, ByteView contents,
                          WriteMode mode) {
  const std::filesystem::path part = part_of(path);
  const SecretText text = file_text(kind, contents);
  Status written;
  {
    const Descriptor file(open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kOwnerOnly));
    if (!file.open()) return io_error(path, "cannot be written", errno);
    written = write_and_flush(file.number(), text.reveal(), path);
  }
  if (written) {
    // link() refuses a name that is taken, rename() replaces it.
    const int done =
        mode == WriteMode::kCreate ? link(part.c_str(), path.c_str()) : rename(part.c_str(), path.c_str());
    if (done != 0 && mode == WriteMode::kCreate && errno == EEXIST) {
      written = fail(ErrorCode::kBusy, shown_path(path) + ": there is one already.");
    } else if (done != 0) {
      written = io_error(path, "cannot be written", errno);
    }
  }
  if (!written || mode == WriteMode::kCreate) unlink(part.c_str());
  return written ? flush_folder(path) : written;
}

std::string shown_path(const std::filesystem::path& path) {
  constexpr std::size_t kMaxBytes = 400;
  std::string text = path.native().substr(0, kMaxBytes);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; },
      '?');
  return text;
}

}  // namespace zswarm::bus
