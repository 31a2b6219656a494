#include "gateway/auth/api_keys.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace zswarm::gateway {
namespace {

constexpr std::size_t kMaxFileBytes = 4u << 20;
constexpr std::size_t kMaxKeyBytes = 4096;
constexpr std::string_view kSpaces = " \t\r";
constexpr std::string_view kAdmin = "admin ";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

bool visible_ascii(unsigned char c) {
  return c > 0x20 && c < 0x7f;
}

}  // namespace

ApiKeys::ApiKeys() {
  ZS_ASSERT(sodium_init() >= 0);
  randombytes_buf(secret_.data(), secret_.size());
}

ApiKeys::Hash ApiKeys::hash(std::string_view key) const {
  Hash out;
  crypto_generichash(out.data(), out.size(), reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                     secret_.data(), secret_.size());
  return out;
}

Result<ApiKeys> ApiKeys::load(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in)
    return fail(ErrorCode::kIo, fmt::format("cannot read the API keys in {}: {}", printable(file, 4096),
                                            std::strerror(errno)));
  std::string text(kMaxFileBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad())
    return fail(ErrorCode::kIo, fmt::format("cannot read the API keys in {}", printable(file, 4096)));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kMaxFileBytes) {
    return fail(ErrorCode::kTooLarge, fmt::format("{} is larger than {} bytes: that is no list of API keys",
                                                  printable(file, 4096), kMaxFileBytes));
  }
  return parse(text, printable(file, 4096));
}

Result<ApiKeys> ApiKeys::parse(std::string_view text, std::string_view name) {
  ApiKeys keys;
  std::size_t number = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    std::string_view key = trimmed(line.substr(0, line.find('#')));
    if (key.empty()) continue;
    const bool admin = key.starts_with(kAdmin);
    if (admin) key = trimmed(key.substr(kAdmin.size()));
    if (key.empty() || key.size() > kMaxKeyBytes || !std::all_of(key.begin(), key.end(), visible_ascii)) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{}, line {}: a key is one word of visible ASCII characters, at most {}, "
                              "perhaps after the word admin",
                              name, number, kMaxKeyBytes));
    }
    keys.known_.push_back({keys.hash(key), admin ? 1u : 0u});
  }
  if (keys.known_.empty()) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} holds no API key: write one per line", name));
  }
  return keys;
}

bool ApiKeys::allows(std::string_view authorization) const {
  return match(authorization).any != 0;
}

bool ApiKeys::allows_admin(std::string_view authorization) const {
  return match(authorization).admin != 0;
}

ApiKeys::Match ApiKeys::match(std::string_view authorization) const {
  constexpr std::string_view kScheme = "bearer ";
  const bool scheme = authorization.size() > kScheme.size() &&
                      std::equal(kScheme.begin(), kScheme.end(), authorization.begin(), [](char a, char b) {
                        return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b);
                      });
  const Hash given = hash(scheme ? trimmed(authorization.substr(kScheme.size())) : std::string_view());
  // No early end: the time must not tell which key came close. An empty key matches none, since none is
  // empty.
  Match found;
  for (const Known& known : known_) {
    const unsigned same = sodium_memcmp(given.data(), known.hash.data(), known.hash.size()) == 0 ? 1u : 0u;
    found.any |= same;
    found.admin |= same & known.admin;
  }
  return found;
}

}  // namespace zswarm::gateway
