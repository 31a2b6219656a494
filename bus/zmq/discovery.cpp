#include "bus/zmq/discovery.h"

#include <algorithm>

namespace zswarm::bus {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLookEvery = 5s;     // at the interfaces
constexpr Duration kNamesEvery = 10ms;  // while an answer is awaited
constexpr std::size_t kBeaconsPerTurn = 64;
constexpr std::size_t kOwnMax = 64, kWaitingMax = 128, kEpochsMax = 2;

Lan::Around around(const Core& core) {
  return {core.overlay().active().size(), core.members().all().size()};
}

/// A member, in this run of it, that we count as alive.
bool lives(const Core& core, const Beacon& beacon) {
  const Member* member = core.members().find(beacon.node);
  return member != nullptr && member->card.instance == beacon.instance &&
         (member->state == MemberState::kAlive || member->state == MemberState::kSuspected);
}

}  // namespace

Discovery::Discovery(DiscoveryOptions options, std::vector<Secret<32>> beacon_keys)
    : options_(std::move(options)),
      beacon_keys_(std::move(beacon_keys)),
      contacts_({}, options_.bootstrap, options_.remembered, options_.seed),
      lan_({}, options_.self, options_.instance, options_.seed + 1) {
  ZS_BUS_ASSERT(!beacon_keys_.empty());
  own_.insert(options_.join.text());
  contacts_.leave_out(options_.join);
  // Where a socket that listens at a name is reached is not for us to tell: its beacons go everywhere.
  if (options_.lan) {
    const std::string& host = options_.listen_host;
    socket_ = std::make_unique<LanSocket>(options_.lan_port, listens_at_source() ? host : "*");
  }
}

void Discovery::rekey(Secret<32> beacon_key) {
  beacon_keys_.insert(beacon_keys_.begin(), std::move(beacon_key));
  if (beacon_keys_.size() > kEpochsMax) beacon_keys_.resize(kEpochsMax);
}

void Discovery::add_poll_items(std::vector<zmq::pollitem_t>& items) const {
  if (socket_) socket_->add_poll_items(items);
}

void Discovery::look_at_interfaces(Time now) {
  if (next_look_ > now) return;
  const bool first = next_look_ == Time{};
  next_look_ = now + kLookEvery;
  const LanSocket::Refreshed refreshed = socket_->refresh();
  if (!refreshed.status) options_.log(refreshed.status.error().message);
  if (refreshed.new_interface && !first) lan_.on_new_interface(now);
}

void Discovery::read_beacons(const Now& now, const Core& core) {
  for (const LanSocket::Received& received : socket_->receive(kBeaconsPerTurn)) {
    traffic_.in_bytes += received.datagram.size();
    const auto beacon = open_beacon(received.datagram, beacon_keys_);
    if (beacon) {
      lan_.on_beacon(now, around(core), *beacon, received.host, lives(core, *beacon));
    } else if (beacon.error().code == ErrorCode::kRefused) {
      traffic_.sealed_otherwise += 1;
    } else {
      traffic_.faulty += 1;
      const bool tell = beacon.error().code == ErrorCode::kUnsupported && !other_version_told_;
      if (tell) options_.log(beacon.error().message);
      other_version_told_ = other_version_told_ || tell;
    }
  }
}

bool Discovery::listens_at_source() const {
  return is_wildcard(options_.listen_host) || is_address(options_.listen_host);
}

void Discovery::call(const Now& now, bool seeking) {
  Beacon beacon;
  last_call_.ms = std::clamp<std::int64_t>(std::max(now.wall.ms, last_call_.ms + 1), 0, kBeaconTimeMaxMs);
  beacon.time = last_call_;
  beacon.node = options_.self;
  beacon.instance = options_.instance;
  beacon.seeking = seeking;
  if (listens_at_source()) beacon.port = options_.join_port;
  if (options_.join_is_named || !listens_at_source()) beacon.endpoints.push_back(options_.join);
  const BeaconBytes sealed = seal_beacon(beacon, beacon_keys_.front());
  traffic_.out_bytes += socket_->send(sealed) * sealed.size();
}

void Discovery::carry_out(const Now& now) {
  for (const Lan::Effect& effect : lan_.take_effects()) {
    if (const auto* called = std::get_if<Lan::Call>(&effect)) {
      call(now, called->seeking);
    } else if (const auto* contact = std::get_if<Lan::Contact>(&effect)) {
      ask(now.steady, contact->join);
    } else if (const auto* notice = std::get_if<Lan::Notice>(&effect)) {
      options_.log(notice->sentence);
    }
  }
}

void Discovery::add(const std::string& host, std::uint16_t port) {
  std::string address = Endpoint{host, port}.text();
  if (!own_.contains(address)) found_.push_back(std::move(address));
}

void Discovery::ask(Time now, const Endpoint& address) {
  const auto hosts = names_.find(now, address.host);
  if (!hosts) {
    // Those whose answer has got lost, since Names had no room, go too; they are asked again.
    if (waiting_.size() >= kWaitingMax) waiting_.clear();
    waiting_.insert(address);
    return;
  }
  for (const std::string& host : *hosts) add(host, address.port);
}

std::vector<std::string> Discovery::turn(const Now& now, const Core& core) {
  for (const std::string& name : names_.poll(now.steady)) {
    for (auto it = waiting_.begin(); it != waiting_.end();) {
      if (it->host != name) {
        ++it;
        continue;
      }
      const Endpoint address = *it;
      it = waiting_.erase(it);
      ask(now.steady, address);
    }
  }
  for (const Endpoint& address : contacts_.due(now.steady, core.overlay().active().size()))
    ask(now.steady, address);
  if (socket_) {
    look_at_interfaces(now.steady);
    lan_.on_timer(now.steady, around(core));
    read_beacons(now, core);
    carry_out(now);
  }
  return std::exchange(found_, {});
}

Time Discovery::next_timer(Time now) const {
  Time next = contacts_.next_timer();
  if (names_.waits()) next = std::min(next, now + kNamesEvery);
  if (socket_) next = std::min({next, next_look_, lan_.next_timer()});
  return next;
}

void Discovery::is_self(const std::string& address) {
  if (own_.size() < kOwnMax) own_.insert(address);
}

}  // namespace zswarm::bus
