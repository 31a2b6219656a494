#include "bus/keys/endpoint.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace zswarm::bus {
namespace {

constexpr std::size_t kMaxLabelBytes = 63;  // of a name: RFC 1035, section 2.3.4
constexpr std::size_t kMaxNameBytes = 253;

tl::unexpected<Error> malformed() {
  return fail(ErrorCode::kMalformed,
              "an address is HOST:PORT: 192.0.2.7:7000, [2001:db8::7]:7000 or node.example.org:7000.");
}

/// The shortest form of an address, empty if it is none.
template <int kFamily, class Address>
std::string canonical(const std::string& host) {
  Address address;
  char text[INET6_ADDRSTRLEN];
  if (inet_pton(kFamily, host.c_str(), &address) != 1) return {};
  return inet_ntop(kFamily, &address, text, sizeof text) == nullptr ? std::string() : text;
}

bool digit(char c) {
  return c >= '0' && c <= '9';
}

bool label_is_fine(std::string_view label) {
  const auto fine = [](char c) { return digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_'; };
  return !label.empty() && label.size() <= kMaxLabelBytes && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), fine);
}

/// Lower-case names whose last label is not a number: "1.2.3.400" is a mistyped address.
bool name_is_fine(std::string_view name) {
  if (name.size() > kMaxNameBytes) return false;
  for (;;) {
    const auto dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    if (!label_is_fine(label)) return false;
    if (dot == std::string_view::npos) return !std::all_of(label.begin(), label.end(), digit);
    name.remove_prefix(dot + 1);
  }
}

}  // namespace

std::string Endpoint::text() const {
  const std::string number = std::to_string(port);
  return host.find(':') == std::string::npos ? host + ":" + number : "[" + host + "]:" + number;
}

Result<Endpoint> parse_endpoint(std::string_view text, PortZero zero) {
  const auto colon = text.rfind(':');
  if (text.size() > kMaxEndpointBytes || colon == std::string_view::npos) return malformed();
  Endpoint endpoint;
  const std::string_view number = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), endpoint.port);
  const bool one_text = number == std::to_string(endpoint.port);  // no "+1", no "007"
  if (error != std::errc() || end != number.data() + number.size() || !one_text ||
      (endpoint.port == 0 && zero == PortZero::kRefused)) {
    return malformed();
  }
  std::string host(text.substr(0, colon));
  if (host.find('\0') != std::string::npos) return malformed();  // C functions would stop there
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    endpoint.host = canonical<AF_INET6, in6_addr>(host.substr(1, host.size() - 2));
    return endpoint.host.empty() ? Result<Endpoint>(malformed()) : endpoint;
  }
  endpoint.host = canonical<AF_INET, in_addr>(host);
  if (!endpoint.host.empty()) return endpoint;
  std::transform(host.begin(), host.end(), host.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (!name_is_fine(host)) return malformed();
  endpoint.host = std::move(host);
  return endpoint;
}

}  // namespace zswarm::bus
