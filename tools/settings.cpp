#include "tools/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

namespace zswarm::tools {

namespace {

tl::unexpected<Error> invalid(std::string_view wanted, std::string_view value) {
  return fail(ErrorCode::kInvalidArgument, fmt::format("wants {}, not '{}'.", wanted, printable(value)));
}

template <class Integer>
Status set_number(Integer& target, std::string_view value, Integer min, Integer max) {
  Integer number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number < min || number > max) {
    return invalid(fmt::format("a whole number from {} to {}", min, max), value);
  }
  target = number;
  return {};
}

Status set_switch(bool& target, std::string_view value) {
  if (value == "true" || value == "1" || value == "yes" || value == "on") {
    target = true;
  } else if (value == "false" || value == "0" || value == "no" || value == "off") {
    target = false;
  } else {
    return invalid("true or false", value);
  }
  return {};
}

Status set_text(std::string& target, std::string_view value) {
  if (value.empty()) return fail(ErrorCode::kInvalidArgument, "must not be empty.");
  target = value;
  return {};
}

Status set_choice(std::string& target, std::string_view value,
                  std::initializer_list<std::string_view> choices) {
  if (std::find(choices.begin(), choices.end(), value) == choices.end()) {
    return invalid(fmt::format("one of {}", fmt::join(choices, ", ")), value);
  }
  target = value;
  return {};
}

Status set_addresses(SocketAddresses& target, std::string_view value) {
  auto addresses = parse_socket_addresses(value);
  if (!addresses) return fail(std::move(addresses.error()));
  target = std::move(*addresses);
  return {};
}

Status set_limits(Settings& settings, std::string_view value) {
  while (!value.empty()) {
    const auto comma = std::min(value.find(','), value.size());
    const std::string_view limit = value.substr(0, comma);
    value.remove_prefix(std::min(comma + 1, value.size()));
    constexpr std::string_view kMaxMemory = "max-memory=", kMaxPeers = "max-peers=";
    if (limit.starts_with(kMaxPeers)) {
      if (auto done =
              set_number<std::uint32_t>(settings.network.max_peers, limit.substr(kMaxPeers.size()), 8, 65536);
          !done)
        return done;
      continue;
    }
    if (!limit.starts_with(kMaxMemory)) return invalid("max-memory=BYTES or max-peers=N", limit);
    const auto bytes = parse_bytes(limit.substr(kMaxMemory.size()));
    if (!bytes) return fail(bytes.error());
    settings.max_memory_bytes = *bytes;
  }
  return {};
}

Status set_strategy(Settings& settings, std::string_view value) {
  const auto strategy = node::strategy_of(value);
  if (!strategy) return fail(strategy.error());
  settings.strategy = *strategy;
  return {};
}

Status set_memory(Settings& settings, std::string_view value) {
  const auto bytes = parse_bytes(value);
  if (!bytes) return fail(bytes.error());
  settings.max_memory_bytes = *bytes;
  return {};
}

}  // namespace

Result<std::uint64_t> parse_bytes(std::string_view text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  std::string_view suffix(rest, static_cast<std::size_t>(end - rest));
  double factor = 1;
  if (!suffix.empty() && suffix != "B") {
    const auto power = std::string_view("KMGT").find(suffix.front());
    suffix.remove_prefix(1);
    if (power == std::string_view::npos || !(suffix.empty() || suffix == "B" || suffix == "iB"))
      return invalid("a size like 512M or 4G", text);
    for (std::size_t i = 0; i <= power; ++i) factor *= 1024;
  }
  if (error != std::errc() || !(number > 0) || number * factor > 1e18)
    return invalid("a size like 512M or 4G", text);
  return static_cast<std::uint64_t>(number * factor);
}

Status add_alias(Settings& settings, std::string_view text) {
  const auto equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos || equals + 1 == text.size())
    return invalid("NAME=FILE", text);
  settings.aliases[std::string(text.substr(0, equals))] = text.substr(equals + 1);
  return {};
}

const std::vector<Setting>& setting_table() {
  using S = Settings;
  using V = std::string_view;
  static const std::vector<Setting> table = {
      {"http", "ZSWARM_HTTP", "ADDR:PORT",
       "Where the HTTP server listens (127.0.0.1:8080); port 0 takes a free one",
       [](S& s, V v) { return gateway::parse_address(std::string(v), s.http); }},
      {"api-keys", "ZSWARM_API_KEYS", "FILE",
       "Only callers with a key from this file: one per line, # begins a comment",
       [](S& s, V v) { return set_text(s.api_keys, v); }},
      {"open", "", "", "Listen on other addresses than loopback although there are no keys",
       [](S& s, V v) { return set_switch(s.http.open, v); }},
      {"models-dir", "", "DIR", "Serve every .gguf file of this folder too",
       [](S& s, V v) { return set_text(s.models_dir, v); }},
      {"max-memory", "", "BYTES", "Memory for weights and KV cache, like 8G (what the machine has)",
       [](S& s, V v) { return set_memory(s, v); }},
      {"threads", "", "N", "Compute threads (one per processor)",
       [](S& s, V v) { return set_number<std::uint32_t>(s.threads, v, 1, 1024); }},
      {"context", "", "N", "Longest prompt and answer together, in tokens (the model's own length)",
       [](S& s, V v) { return set_number<std::uint32_t>(s.context, v, 8, 1u << 24); }},
      {"parallel", "", "N", "How many requests generate at once, at most (32)",
       [](S& s, V v) { return set_number<std::uint32_t>(s.parallel, v, 1, 1024); }},
      {"grace", "", "SECONDS", "How long running requests may go on after Ctrl-C (8)",
       [](S& s, V v) { return set_number<std::uint32_t>(s.grace_s, v, 0, 3600); }},
      {"allow-template-override", "", "", "Let requests bring a chat template of their own",
       [](S& s, V v) { return set_switch(s.http.allow_template_override, v); }},
      {"strategy", "", "NAME",
       "Which node takes a request: auto, round-robin, weighted, least-connections, least-latency or "
       "resources "
       "(auto)",
       [](S& s, V v) { return set_strategy(s, v); }},
      {"p2p", "ZSWARM_P2P", "",
       "Take part in a network: the one of --token, that of the last run, or a new one",
       [](S& s, V v) { return set_switch(s.network.p2p, v); }},
      {"listen", "ZSWARM_LISTEN", "ADDRESS",
       "Where the network's sockets listen: HOST, HOST:PORT, or join=HOST:PORT,gossip=… (all addresses, free "
       "ports)",
       [](S& s, V v) { return set_addresses(s.network.listen, v); }},
      {"announce", "ZSWARM_ANNOUNCE", "ADDRESS",
       "What others are told instead, in the same forms: for port mappings (what listens)",
       [](S& s, V v) { return set_addresses(s.network.announce, v); }},
      {"bootstrap", "ZSWARM_BOOTSTRAP", "HOST:PORT", "Join socket of a node to start from (may be repeated)",
       [](S& s, V v) { return set_bootstrap(s.network, v); }, true},
      {"no-lan", "ZSWARM_DISABLE_LAN", "", "Do not look for nodes on the local network",
       [](S& s, V v) { return set_switch(s.network.no_lan, v); }},
      {"no-wan", "ZSWARM_DISABLE_WAN", "",
       "Do not look for nodes beyond the local network by oneself (nothing does yet)",
       [](S& s, V v) { return set_switch(s.network.no_wan, v); }},
      {"name", "", "NAME", "What people call this node (the machine's name)",
       [](S& s, V v) { return set_name(s.network, v); }},
      {"label", "ZSWARM_LABELS", "KEY=VALUE", "What kind of node this is, like gpu=true (may be repeated)",
       [](S& s, V v) { return set_labels(s.network, v); }, true},
      {"max-peers", "", "N", "Connections to other nodes, at most (256)",
       [](S& s, V v) { return set_number<std::uint32_t>(s.network.max_peers, v, 8, 65536); }},
      {"data", "ZSWARM_DATA", "DIR", "Folder that keeps identity, token and caches (the XDG data folder)",
       [](S& s, V v) { return set_text(s.network.data, v); }},
      {"bus-log", "ZSWARM_BUS_LOG", "LEVEL", "The same as --log for what concerns the network (info)",
       [](S& s, V v) {
         return set_choice(s.network.bus_log_level, v, {"trace", "debug", "info", "warn", "error", "off"});
       }},
      {"log", "ZSWARM_LOG", "LEVEL", "trace, debug, info, warn, error or off (info)",
       [](S& s, V v) {
         return set_choice(s.log_level, v, {"trace", "debug", "info", "warn", "error", "off"});
       }},
      {"log-format", "", "FORMAT", "text, or json for log shippers (text)",
       [](S& s, V v) {
         std::string format;
         auto chosen = set_choice(format, v, {"text", "json"});
         s.log_json = format == "json";
         return chosen;
       }},
  };
  return table;
}

bool is_for_every_node(const Setting& setting) {
  static constexpr std::array kNames = {"max-memory", "p2p",     "listen", "announce",  "bootstrap",
                                        "no-lan",     "no-wan",  "name",   "label",     "max-peers",
                                        "data",       "bus-log", "log",    "log-format"};
  return std::find(kNames.begin(), kNames.end(), setting.name) != kNames.end();
}

Status apply_environment(Settings& settings) {
  const auto apply = [&settings](const std::string& name,
                                 const std::function<Status(Settings&, std::string_view)>& set) -> Status {
    const char* const value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return {};
    if (auto done = set(settings, value); !done)
      return fail(done.error().code, fmt::format("{}: {}", name, done.error().message));
    return {};
  };
  for (const Setting& setting : setting_table()) {
    if (setting.environment.empty()) continue;
    if (auto done = apply(std::string(setting.environment), setting.set); !done) return done;
  }
  return apply("ZSWARM_LIMITS", set_limits);
}

}  // namespace zswarm::tools
