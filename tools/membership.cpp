#include "tools/membership.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "bus/keys/network_keys.h"
#include "node/machine.h"
#include "node/network/bus_error.h"
#include "tools/about.h"
#include "tools/data_path.h"
#include "tools/files.h"
#include "tools/local_commands.h"
#include "tools/log.h"
#include "tools/status_json.h"
#include "tools/token_option.h"

namespace zswarm::tools {

namespace {

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "node";
  return std::string(name.data()).substr(0, bus::kMaxNameBytes);
}

/// Where nothing is said: every address of the machine, free ports.
bus::ListenAddresses listen_addresses(const SocketAddresses& given) {
  const auto address = [&given](bus::Socket socket) {
    const auto& own = given.each[static_cast<std::size_t>(socket)];
    if (own) return own->text();
    return given.host.empty() ? std::string("*:0") : bus::Endpoint{given.host, 0}.text();
  };
  return {address(bus::Socket::kJoin), address(bus::Socket::kGossip), address(bus::Socket::kControl),
          address(bus::Socket::kDispatch)};
}

bus::BusOptions bus_options(const Settings& settings, std::vector<std::string> roles) {
  const NetworkSettings& network = settings.network;
  bus::BusOptions options;
  options.core.card.name = network.name.empty() ? host_name() : network.name;
  options.core.card.version = ZSWARM_VERSION;
  options.core.card.roles = std::move(roles);
  options.core.card.labels = network.labels;
  options.listen = listen_addresses(network.listen);
  options.announce = {network.announce.host, network.announce.each};
  options.lan = !network.no_lan;
  options.bootstrap = network.bootstrap;
  if (network.max_peers != 0) options.limits.peers = network.max_peers;
  options.log = [log = bus_log(network.bus_log_level)](const std::string& sentence) {
    log->info("{}", sentence);
  };
  return options;
}

/// Answers to /p2p/nodes and /p2p/token.
node::Federation::Describe describer(node::Network& network) {
  return [&network](const node::NetworkQuestion& question, bus::Bus& bus,
                    bus::Core& core) -> Result<std::string> {
    using nlohmann::ordered_json;
    if (question.what == node::NetworkQuestion::What::kToken)
      return ordered_json{{"token", network.token().text().reveal()}}.dump();
    return ordered_json{{"nodes", status_json(view_of(bus.status(), core))["members"]}}.dump();
  };
}

/// A token in a file that only its owner can read, for scripts that start the next machine.
Status write_token(const std::string& path, const bus::Token& token) {
  if (path.empty()) return {};
  const bus::SecretText text = token.text();
  return write_whole(path, text.reveal() + "\n", Secrecy::kSecret);
}

}  // namespace

void NetworkFlags::add_to(CLI::App& command) {
  command.add_option("--token", token_, kTokenHelp)->option_text("TOKEN");
  command.add_option("--token-out", token_out_, "Write the network's token here (mode 0600)")
      ->option_text("FILE");
}

bool NetworkFlags::is_given() const {
  const auto is_set = [](const char* name) {
    const char* const value = std::getenv(name);
    return value != nullptr && *value != '\0';
  };
  return !token_.empty() || is_set("ZSWARM_TOKEN") || is_set("TOKEN");
}

Result<std::optional<bus::Token>> NetworkFlags::token() const {
  return token_given(token_);
}

Result<std::unique_ptr<Membership>> Membership::join(const Settings& settings, const NetworkFlags& flags,
                                                     Presence presence) {
  auto token = flags.token();
  if (!token) return fail(std::move(token.error()));
  auto folder = data_path(settings.network.data);
  if (!folder) return fail(std::move(folder.error()));
  node::NetworkOptions options;
  options.data = std::move(*folder);
  options.token = std::move(*token);
  options.bus = bus_options(settings, std::move(presence.roles));
  options.bus.program = presence.federation;
  auto network = node::Network::start(std::move(options));
  if (!network) return fail(std::move(network.error()));
  if (auto written = write_token(flags.token_out(), (*network)->token()); !written)
    return fail(std::move(written.error()));
  std::unique_ptr<Membership> membership(new Membership(std::move(*network)));
  if (auto told = membership->tell_about(settings, presence.models); !told)
    return fail(std::move(told.error()));
  if (presence.federation != nullptr) presence.federation->set_describe(describer(*membership->network_));
  auto local = LocalServer::start(membership->network_->data(),
                                  local_commands(*membership->network_, presence.federation));
  if (!local) return fail(std::move(local.error()));
  membership->local_ = std::move(*local);
  return membership;
}

Status Membership::tell_about(const Settings& settings, const std::vector<std::string>& models) {
  const nlohmann::ordered_json about = {
      {"models", models},
      {"cores", node::physical_cores()},
      {"memory_bytes", settings.max_memory_bytes != 0 ? settings.max_memory_bytes : node::memory_bytes()}};
  std::string text = about.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  auto put = network_->ask([text = std::move(text)](bus::Bus&, bus::Core& core, const bus::Now& now) {
    return core.put(now, about_key(core.id()), bus::bytes_of(text));
  });
  if (!put) return fail(std::move(put.error()));
  if (!*put) return fail(node::from_bus(std::move(put->error())));
  return {};
}

nlohmann::ordered_json Membership::ready_json() {
  const auto card =
      network_->ask([](bus::Bus& bus, bus::Core&, const bus::Now&) { return bus.status().card; });
  return {{"pid", getpid()},
          {"node", network_->id().text()},
          {"http", nullptr},
          {"sockets", card ? sockets_json(*card) : nlohmann::ordered_json::object()}};
}

nlohmann::ordered_json ready_json_without_network() {
  return {
      {"pid", getpid()}, {"node", nullptr}, {"http", nullptr}, {"sockets", nlohmann::ordered_json::object()}};
}

void Membership::say_how_to_join() const {
  using Origin = node::ChosenToken::Origin;
  const bus::Token token = network_->token();
  const std::string id = bus::NetworkKeys::of(token).id.text();
  switch (network_->token_origin()) {
    case Origin::kMade:
      // Not through the log, which others may read: the token is for this person's eyes.
      fmt::print(stderr,
                 "\nThis is a new network, {}. Whoever has its token can join:\n\n  {}\n\n"
                 "On the next machine:\n\n  TOKEN=… zswarm run MODEL.gguf\n  TOKEN=… zswarm worker\n\n"
                 "zswarm status shows who is there.\n\n",
                 id, token.text().reveal());
      break;
    case Origin::kFolder:
      spdlog::info("network {}, as in the last run", id);
      break;
    case Origin::kNewer:
      spdlog::info("network {}: its token has changed since the one given; epoch {} counts", id, token.epoch);
      break;
    case Origin::kGiven:
      spdlog::info("network {}", id);
      break;
  }
}

}  // namespace zswarm::tools
