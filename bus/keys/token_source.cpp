#include "bus/keys/token_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "bus/base/text.h"
#include "bus/keys/descriptor.h"

namespace zswarm::bus {
namespace {

constexpr std::size_t kMaxShownPath = 400;
/// So many letters and digits in a row are taken for (a part of) a token, and not repeated.
constexpr std::size_t kSuspiciousRun = 24;

bool letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool may_hold_a_secret(std::string_view value) {
  std::size_t run = 0;
  for (const char c : value) {
    run = letter_or_digit(c) ? run + 1 : 0;
    if (run >= kSuspiciousRun) return true;
  }
  return false;
}

/// A path for a message: never what could be a secret or would disturb a terminal.
std::string shown(std::string_view path) {
  if (path == "-") return "standard input";
  if (path.size() > kMaxShownPath || !is_plain_text(path) || may_hold_a_secret(path))
    return "the token's file";
  return std::string(path);
}

bool begins_like_a_token(std::string_view value) {
  const auto begin = value.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return false;
  value.remove_prefix(begin);
  const auto is = [&](std::size_t i, char lower) { return (value[i] | 0x20) == lower; };
  return value.size() >= 4 && is(0, 'z') && is(1, 's') && is(2, 'w') &&
         ((value[3] >= '0' && value[3] <= '9') || is(3, 'l') || is(3, 'i'));
}

tl::unexpected<Error> cannot_read(std::string_view path, int error) {
  const std::string why = std::strerror(error);
  if (error == ENOENT && may_hold_a_secret(path)) {
    return fail(
        ErrorCode::kNotFound,
        "the token given is neither a token (zsw1…), nor - for standard input, nor a file that exists.");
  }
  return fail(error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
              shown(path) + ": the token cannot be read from here: " + why + ".");
}

Result<SecretText> read_source(std::string_view path) {
  // A duplicate of standard input, so that closing it does not close the original.
  const Descriptor file(path == "-" ? dup(STDIN_FILENO)
                                    : open(std::string(path).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) return cannot_read(path, errno);
  std::string text(kMaxTokenInputBytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(file.number(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot_read(path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  SecretText owner(std::move(text));
  if (size > kMaxTokenInputBytes) {
    return fail(ErrorCode::kTooLarge, shown(path) + ": longer than " + std::to_string(kMaxTokenInputBytes) +
                                          " bytes: that is no token.");
  }
  return owner;
}

}  // namespace

Result<Token> read_token(std::string_view value) {
  if (value.empty()) return fail(ErrorCode::kMalformed, "the token is empty.");
  if (begins_like_a_token(value)) return parse_token(value);
  const auto text = read_source(value);
  if (!text) return tl::unexpected(text.error());
  auto token = parse_token(text->reveal());
  if (!token) return fail(token.error().code, shown(value) + ": " + token.error().message);
  return token;
}

}  // namespace zswarm::bus
