#include "gateway/http/target.h"

#include <algorithm>
#include <cctype>

namespace zswarm::gateway {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    out += c;
  }
  return out;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace

std::optional<Target> parse_target(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (text.size() > scheme.size() && equals_ignoring_case(text.substr(0, scheme.size()), scheme)) {
      const auto slash = text.find_first_of("/?", scheme.size());
      if (slash == std::string_view::npos) return Target{"/", ""};
      text.remove_prefix(slash);
      break;
    }
  }
  if (text.empty() || text[0] != '/') return std::nullopt;
  text = text.substr(0, text.find('#'));
  const auto question = text.find('?');
  auto path = percent_decoded(text.substr(0, question));
  if (!path) return std::nullopt;
  return Target{std::move(*path),
                question == std::string_view::npos ? "" : std::string(text.substr(question + 1))};
}

bool is_loopback_host(std::string_view host) {
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    return end != std::string_view::npos && host.substr(0, end + 1) == "[::1]";
  }
  host = host.substr(0, host.find(':'));
  if (equals_ignoring_case(host, "localhost")) return true;
  const bool address = !host.empty() && host.find_first_not_of("0123456789.") == std::string_view::npos;
  return address && host.starts_with("127.");
}

std::string_view origin_host(std::string_view origin) {
  const auto scheme = origin.find("://");
  return scheme == std::string_view::npos ? std::string_view() : origin.substr(scheme + 3);
}

}  // namespace zswarm::gateway
