#include "tools/network_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "bus/base/text.h"

namespace zswarm::tools {

namespace {

tl::unexpected<Error> wanted(std::string_view what, std::string_view value) {
  return fail(ErrorCode::kInvalidArgument, fmt::format("wants {}, not '{}'.", what, printable(value)));
}

/// Calls `take(item)` for each part between commas, until one fails.
template <class Take>
Status for_each_item(std::string_view text, Take take) {
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    if (auto taken = take(text.substr(0, comma)); !taken) return taken;
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return {};
}

std::optional<bus::Socket> socket_of(std::string_view name) {
  for (std::size_t i = 0; i < bus::kSocketCount; ++i) {
    if (bus::socket_name(static_cast<bus::Socket>(i)) == name) return static_cast<bus::Socket>(i);
  }
  return std::nullopt;
}

/// "*" is every address of the machine, for sockets that listen.
constexpr std::string_view kEveryAddress = "*";

Result<bus::Endpoint> endpoint_of(std::string_view text) {
  if (text.starts_with("*:")) {
    auto anywhere = endpoint_of(fmt::format("0.0.0.0{}", text.substr(kEveryAddress.size())));
    if (anywhere) anywhere->host = kEveryAddress;
    return anywhere;
  }
  auto endpoint = bus::parse_endpoint(text, bus::PortZero::kTaken);
  if (!endpoint) return fail(ErrorCode::kInvalidArgument, fmt::format("{}", endpoint.error().message));
  return std::move(*endpoint);
}

/// A host without a port, as parse_endpoint() would write it.
Result<std::string> host_of(std::string_view text) {
  if (text == kEveryAddress) return std::string(text);
  const bool bare_ipv6 = text.find(':') != std::string_view::npos && !text.starts_with('[');
  auto endpoint = endpoint_of(bare_ipv6 ? fmt::format("[{}]:0", text) : fmt::format("{}:0", text));
  if (!endpoint) return fail(std::move(endpoint.error()));
  return std::move(endpoint->host);
}

bool has_port(std::string_view text) {
  if (text.starts_with('[')) return text.find("]:") != std::string_view::npos;
  return std::count(text.begin(), text.end(), ':') == 1;
}

}  // namespace

Result<SocketAddresses> parse_socket_addresses(std::string_view text) {
  SocketAddresses addresses;
  if (text.find('=') == std::string_view::npos) {
    if (has_port(text)) {
      auto join = endpoint_of(text);
      if (!join) return fail(std::move(join.error()));
      addresses.host = join->host;
      addresses.each[static_cast<std::size_t>(bus::Socket::kJoin)] = std::move(*join);
      return addresses;
    }
    auto host = host_of(text);
    if (!host) return fail(std::move(host.error()));
    addresses.host = std::move(*host);
    return addresses;
  }
  auto read = for_each_item(text, [&addresses](std::string_view item) -> Status {
    const auto equals = std::min(item.find('='), item.size());
    const auto socket = socket_of(item.substr(0, equals));
    if (!socket || equals == item.size())
      return wanted("HOST, HOST:PORT, or join=HOST:PORT,gossip=…,control=…,dispatch=…", item);
    auto endpoint = endpoint_of(item.substr(equals + 1));
    if (!endpoint) return fail(std::move(endpoint.error()));
    addresses.each[static_cast<std::size_t>(*socket)] = std::move(*endpoint);
    return {};
  });
  if (!read) return fail(std::move(read.error()));
  return addresses;
}

Status set_bootstrap(NetworkSettings& settings, std::string_view text) {
  settings.bootstrap.clear();
  return for_each_item(text, [&settings](std::string_view item) -> Status {
    auto endpoint = bus::parse_endpoint(item);
    if (!endpoint) return fail(ErrorCode::kInvalidArgument, endpoint.error().message);
    settings.bootstrap.push_back(std::move(*endpoint));
    return {};
  });
}

Status set_labels(NetworkSettings& settings, std::string_view text) {
  settings.labels.clear();
  return for_each_item(text, [&settings](std::string_view item) -> Status {
    const auto equals = item.find('=');
    const std::string_view key = item.substr(0, equals);
    if (equals == std::string_view::npos || key.size() > bus::kMaxLabelKeyBytes || !bus::is_plain_word(key))
      return wanted("KEY=VALUE, the key of at most 32 of a-z 0-9 - _ .", item);
    const std::string_view value = item.substr(equals + 1);
    if (value.size() > bus::kMaxLabelValueBytes || !bus::is_plain_text(value))
      return wanted("a value of at most 64 bytes after the =", item);
    auto& labels = settings.labels;
    const auto same =
        std::find_if(labels.begin(), labels.end(), [&](const auto& l) { return l.first == key; });
    if (same != labels.end()) {
      same->second = value;
    } else if (labels.size() == bus::kMaxLabels) {
      return fail(ErrorCode::kInvalidArgument, fmt::format("a node has at most {} labels.", bus::kMaxLabels));
    } else {
      labels.emplace_back(key, value);
    }
    return {};
  });
}

Status set_name(NetworkSettings& settings, std::string_view text) {
  if (text.empty() || text.size() > bus::kMaxNameBytes || !bus::is_plain_text(text))
    return wanted(fmt::format("a name of at most {} bytes", bus::kMaxNameBytes), text);
  settings.name = text;
  return {};
}

}  // namespace zswarm::tools
