#include "kernels/gguf/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace zswarm::gguf {
namespace {

tl::unexpected<Error> os_error(const std::filesystem::path& path, int code) {
  const auto kind = code == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  return fail(kind,
              fmt::format("{}: {}", printable(path.string(), 400), std::generic_category().message(code)));
}

struct Descriptor {
  int fd;
  ~Descriptor() { ::close(fd); }
};

}  // namespace

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const int fd =
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // NONBLOCK: a FIFO must not hang us
  if (fd < 0) return os_error(path, errno);
  const Descriptor closer{fd};
  struct stat info {};
  if (::fstat(fd, &info) != 0) return os_error(path, errno);
  if (!S_ISREG(info.st_mode)) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is not a regular file.", printable(path.string(), 400)));
  }
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size == 0) return MappedFile(nullptr, 0, path);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED) return os_error(path, errno);
  return MappedFile(static_cast<const std::byte*>(data), size, path);
}

MappedFile MappedFile::from_bytes(std::vector<std::byte> content, const std::filesystem::path& name) {
  MappedFile file(nullptr, content.size(), name);
  file.owned_ = std::move(content);
  if (!file.owned_.empty()) file.data_ = file.owned_.data();
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      path_(std::move(other.path_)),
      owned_(std::move(other.owned_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(path_, other.path_);
  std::swap(owned_, other.owned_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr && owned_.empty()) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::drop(std::span<const std::byte> part) const {
  if (!owned_.empty()) return;  // MADV_DONTNEED would clear them
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(part.data()) + page - 1) / page * page;
  const auto end = reinterpret_cast<std::uintptr_t>(part.data() + part.size()) / page * page;
  if (end > begin) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace zswarm::gguf
