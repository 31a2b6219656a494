#include "bus/keys/data_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>

#include "bus/keys/private_file.h"

namespace zswarm::bus {
namespace {

tl::unexpected<Error> io_error(const std::filesystem::path& path, const char* what, const std::string& why) {
  return fail(ErrorCode::kIo, shown_path(path) + ": " + what + ": " + why + ".");
}

/// The pid that the holder wrote; empty if it has not yet.
std::string holder_of(int lock) {
  char text[16];
  const ssize_t size = pread(lock, text, sizeof text, 0);
  const std::string_view written(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  return std::string(written.substr(0, written.find_first_not_of("0123456789")));
}

}  // namespace

Status make_private_folder(const std::filesystem::path& wanted) {
  const auto& path = wanted.has_filename() ? wanted : wanted.parent_path();  // "data/" is "data"
  std::error_code error;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  if (!error && mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST)
    error.assign(errno, std::generic_category());
  if (!error && !std::filesystem::is_directory(path, error) && !error)
    error = std::make_error_code(std::errc::not_a_directory);
  if (error) return io_error(path, "the data folder cannot be made", error.message());
  return {};
}

Result<DataFolder> DataFolder::open(const std::filesystem::path& path) {
  if (auto made = make_private_folder(path); !made) return tl::unexpected(made.error());
  const std::filesystem::path file = path / "lock";
  Descriptor lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!lock.open()) return io_error(file, "the data folder cannot be used", std::strerror(errno));
  while (flock(lock.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return io_error(file, "the data folder cannot be used", std::strerror(errno));
    const std::string pid = holder_of(lock.number());
    return fail(ErrorCode::kBusy,
                shown_path(path) + ": another zswarm" + (pid.empty() ? "" : " (process " + pid + ")") +
                    " works with this data folder; for a second node on one machine give it " +
                    "another one (--data DIR or ZSWARM_DATA).");
  }
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(lock.number(), 0) != 0 ||
      pwrite(lock.number(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return io_error(file, "the data folder cannot be used", std::strerror(errno));
  }
  return DataFolder(path, std::move(lock));
}

}  // namespace zswarm::bus
