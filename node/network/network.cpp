#include "node/network/network.h"

#include <fmt/format.h>

#include <chrono>

#include "bus/discovery/address_file.h"
#include "bus/keys/identity.h"
#include "bus/keys/network_keys.h"
#include "node/network/bus_error.h"

namespace zswarm::node {

namespace {

constexpr std::chrono::seconds kKeepAddressesEvery{120};

bus::WallTime wall_now() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count()};
}

}  // namespace

Result<std::unique_ptr<Network>> Network::start(NetworkOptions options) {
  auto folder = bus::DataFolder::open(options.data);
  if (!folder) return fail(from_bus(folder.error()));
  auto chosen = choose_token(*folder, std::move(options.token), wall_now());
  if (!chosen) return fail(std::move(chosen.error()));
  std::unique_ptr<Network> network(new Network(std::move(*folder), std::move(*chosen)));
  if (auto opened = network->open_bus(std::move(options.bus)); !opened)
    return fail(std::move(opened.error()));
  network->thread_ = std::thread([bus = network->bus_.get()] { bus->run(); });
  return network;
}

Status Network::open_bus(bus::BusOptions options) {
  auto identity = bus::start_identity(folder_);
  if (!identity) return fail(from_bus(identity.error()));
  options.core.instance = bus::random_u64();
  options.core.seed = bus::random_u64();
  for (const bus::Endpoint& contact : token_.bootstrap) options.bootstrap.push_back(contact);
  options.on_tick = [this, then = std::move(options.on_tick)](bus::Bus& bus, bus::Core& core,
                                                              const bus::Now& now) {
    keep_new_token(core);
    if (keep_due_ <= now.steady && !core.overlay().active().empty()) {
      keep_due_ = now.steady + kKeepAddressesEvery;
      keep_addresses(bus.addresses_to_remember());
    }
    if (then) then(bus, core, now);
  };
  log_ = options.log;
  options.ledger_file = file("ledger");
  auto remembered = bus::load_addresses(file("addresses"));
  if (!remembered) return fail(from_bus(std::move(remembered.error())));
  for (bus::Endpoint& address : remembered->addresses) options.remembered.push_back(std::move(address));
  std::vector<bus::NetworkKeys> epochs;
  epochs.push_back(bus::NetworkKeys::of(token_));
  auto opened = bus::Bus::open(std::move(options), std::move(*identity), std::move(epochs));
  if (!opened) return fail(from_bus(opened.error()));
  bus_ = std::move(*opened);
  return {};
}

void Network::keep_new_token(bus::Core& core) {
  auto next = core.take_new_token();
  if (!next) return;
  if (auto saved = save_token(folder_.path(), *next); !saved) {
    // This run goes on with it; the next start will need to be given it.
    log_(saved.error().message);
  }
  log_(fmt::format("the network's token has changed: epoch {}", next->epoch));
  const std::lock_guard lock(mutex_);
  token_ = std::move(*next);
}

void Network::keep_addresses(const std::vector<bus::Endpoint>& addresses) {
  // Nobody left to remember is no reason to forget who was there.
  if (addresses.empty() || addresses == kept_addresses_) return;
  kept_addresses_ = addresses;
  if (auto saved = bus::save_addresses(file("addresses"), addresses); !saved) log_(saved.error().message);
}

std::filesystem::path Network::file(std::string_view what) const {
  return folder_.path() / fmt::format("network-{}.{}", bus::NetworkKeys::of(token_).id.text(), what);
}

Network::~Network() {
  if (thread_.joinable()) {
    const auto last =
        ask([](bus::Bus& bus, bus::Core&, const bus::Now&) { return bus.addresses_to_remember(); });
    if (last) keep_addresses(*last);
  }
  if (bus_) bus_->stop();
  if (thread_.joinable()) thread_.join();
}

bus::Token Network::token() const {
  const std::lock_guard lock(mutex_);
  return token_.copy();
}

}  // namespace zswarm::node
