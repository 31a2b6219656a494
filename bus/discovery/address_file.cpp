#include "bus/discovery/address_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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

constexpr std::string_view kHead =
    "# Members of the network when this node was last there. May be deleted.\n";

tl::unexpected<Error> io_error(const std::filesystem::path& path, const char* what, int error) {
  return fail(ErrorCode::kIo, shown_path(path) + ": " + what + ": " + std::strerror(error) + ".");
}

std::string_view trimmed(std::string_view line) {
  const auto first = line.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(file, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return fsync(file) == 0;
}

}  // namespace

AddressFile read_addresses(std::string_view text) {
  AddressFile file;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    auto address = parse_endpoint(line);
    if (!address || file.addresses.size() >= kAddressFileAddresses) {
      file.bad_lines += 1;
    } else if (std::find(file.addresses.begin(), file.addresses.end(), *address) == file.addresses.end()) {
      file.addresses.push_back(std::move(*address));
    }
  }
  return file;
}

Result<AddressFile> load_addresses(const std::filesystem::path& path) {
  // O_NONBLOCK: a pipe of that name must not hold us.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.open() && errno == ENOENT) return AddressFile{};
  struct stat status {};
  if (!file.open() || fstat(file.number(), &status) != 0) return io_error(path, "cannot be read", errno);
  if (!S_ISREG(status.st_mode))
    return fail(ErrorCode::kMalformed, shown_path(path) + ": this is not a file.");
  std::string text(kAddressFileBytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.number(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error(path, "cannot be read", errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kAddressFileBytes)
    return fail(ErrorCode::kTooLarge, shown_path(path) + ": too large for a list of addresses.");
  return read_addresses(std::string_view(text).substr(0, size));
}

Status save_addresses(const std::filesystem::path& path, std::span<const Endpoint> addresses) {
  std::string text(kHead);
  for (const Endpoint& address : addresses.first(std::min(addresses.size(), kAddressFileAddresses)))
    text += address.text() + "\n";
  ByteArray<10> random;
  fill_random(random);
  const std::filesystem::path part = path.native() + "." + base32_text(random) + ".part";
  {
    const Descriptor file(::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!file.open()) return io_error(path, "cannot be written", errno);
    if (!write_all(file.number(), text)) {
      const auto error = io_error(path, "cannot be written", errno);
      ::unlink(part.c_str());
      return error;
    }
  }
  if (::rename(part.c_str(), path.c_str()) != 0) {
    const auto error = io_error(path, "cannot be written", errno);
    ::unlink(part.c_str());
    return error;
  }
  return {};
}

}  // namespace zswarm::bus
