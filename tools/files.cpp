#include "tools/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace zswarm::tools {

namespace {

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};
using FilePtr = std::unique_ptr<std::FILE, CloseFile>;

}  // namespace

std::string shown(const std::filesystem::path& path) {
  return printable(path.native(), 400);
}

Result<std::string> read_text(const std::filesystem::path& path, std::size_t max_bytes) {
  const std::string name = path.empty() ? "standard input" : shown(path);
  const FilePtr file(path.empty() ? stdin : std::fopen(path.c_str(), "rb"));
  if (!file) {
    return fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                fmt::format("{}: {}.", name, std::strerror(errno)));
  }
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    const std::size_t got = std::fread(buffer, 1, sizeof buffer, file.get());
    if (got > max_bytes - text.size()) {
      return fail(ErrorCode::kTooLarge,
                  fmt::format("{}: the text is longer than {} bytes; split it.", name, max_bytes));
    }
    text.append(buffer, got);
    if (got < sizeof buffer) break;
  }
  if (std::ferror(file.get()) != 0)
    return fail(ErrorCode::kIo, fmt::format("{}: {}.", name, std::strerror(errno)));
  return text;
}

Status write_whole(const std::filesystem::path& path, const std::string& text, Secrecy secrecy) {
  const std::filesystem::path part = path.native() + ".part";
  if (secrecy == Secrecy::kSecret) unlink(part.c_str());  // one that is there may be readable for others
  const mode_t mode = secrecy == Secrecy::kSecret ? 0600 : 0666;
  const int descriptor = open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  FilePtr file(descriptor < 0 ? nullptr : fdopen(descriptor, "wb"));
  const bool written = file && std::fwrite(text.data(), 1, text.size(), file.get()) == text.size() &&
                       std::fflush(file.get()) == 0;
  file.reset();
  if (!written || std::rename(part.c_str(), path.c_str()) != 0) {
    const int error = errno;
    unlink(part.c_str());
    return fail(ErrorCode::kIo, fmt::format("{}: cannot be written: {}.", shown(path), std::strerror(error)));
  }
  return {};
}

}  // namespace zswarm::tools
