#include "bus/zmq/bus.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace zswarm::bus {
namespace {

using namespace std::chrono_literals;

constexpr Duration kTick = 250ms;
constexpr auto kSocketsOfCard = {Socket::kJoin, Socket::kGossip, Socket::kControl, Socket::kDispatch};

const std::string& address_of(const ListenAddresses& listen, Socket socket) {
  switch (socket) {
    case Socket::kGossip:
      return listen.gossip;
    case Socket::kControl:
      return listen.control;
    case Socket::kDispatch:
      return listen.dispatch;
    default:
      return listen.join;
  }
}

}  // namespace

Result<std::unique_ptr<Bus>> Bus::open(BusOptions options, Identity identity,
                                       std::vector<NetworkKeys> epochs) {
  std::unique_ptr<Bus> bus(new Bus(std::move(options), identity.id));
  const Status started = bus->start(std::move(identity), std::move(epochs));
  if (!started) return tl::unexpected(started.error());
  return bus;
}

Bus::Bus(BusOptions options, const NodeId& id)
    : options_(std::move(options)), id_(id), ledger_file_(options_.ledger_file, options_.log) {}

Bus::~Bus() = default;

Status Bus::start(Identity identity, std::vector<NetworkKeys> epochs) {
  ZS_BUS_ASSERT(!epochs.empty());
  const NetworkKeys& present = epochs.front();
  network_ = present.id.text();
  started_ = now().steady;
  zap_ = std::make_unique<ZapHandler>(context_, options_.limits);
  zap_->set_join_keys({present.join_client.public_key});

  auto listeners = Listeners::open(context_, options_.listen, present.join_server.secret_key,
                                   identity.curve.secret_key, options_.limits);
  if (!listeners) return tl::unexpected(listeners.error());
  listeners_ = std::make_unique<Listeners>(std::move(*listeners));
  options_.core.card.sockets = told_ = sockets_to_tell();
  join_endpoint_ = *options_.core.card.socket(Socket::kJoin);
  start_discovery(epochs);

  connections_ = std::make_unique<Connections>(context_, identity.curve.copy(), options_.limits,
                                               static_cast<ConnectionEvents&>(*this));
  auto core = Core::create(options_.core, std::move(identity), std::move(epochs));
  if (!core) return tl::unexpected(core.error());
  core_ = std::move(*core);
  connections_->set_introduction(now().steady, core_->hello(), join_keys());
  ledger_file_.open(now(), core_->ledger());
  return {};
}

JoinKeys Bus::join_keys() const {
  return {core_->keys().join_client.copy(), core_->keys().join_server.public_key};
}

void Bus::take_new_keys(Time at) {
  // The old token lets nobody in any more.
  zap_->set_join_keys({core_->keys().join_client.public_key});
  listeners_->reopen_join(core_->keys().join_server.secret_key);
  connections_->set_introduction(at, core_->hello(), join_keys());
  discovery_->rekey(core_->keys().beacon_key.copy());
}

void Bus::start_discovery(const std::vector<NetworkKeys>& epochs) {
  DiscoveryOptions options;
  options.self = id_;
  options.instance = options_.core.instance;
  options.seed = random_u64();
  options.listen_host = host_of(options_.listen.join);
  options.join_port = listeners_->port(Socket::kJoin);
  options.join = join_endpoint_;
  options.join_is_named = options_.announce.names(Socket::kJoin);
  options.lan = options_.lan;
  options.lan_port = options_.lan_port;
  options.bootstrap = options_.bootstrap;
  options.remembered = options_.remembered;
  options.log = options_.log;
  std::vector<Secret<32>> beacon_keys;
  for (const NetworkKeys& keys : epochs) beacon_keys.push_back(keys.beacon_key.copy());
  discovery_ = std::make_unique<Discovery>(std::move(options), std::move(beacon_keys));
}

Now Bus::now() const {
  const auto steady = std::chrono::steady_clock::now().time_since_epoch();
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return {Time{std::chrono::duration_cast<Duration>(steady)},
          WallTime{std::chrono::duration_cast<std::chrono::milliseconds>(wall).count()}};
}

BusStatus Bus::status() const {
  BusStatus status = status_of(*core_);
  status.network = network_;
  status.uptime = now().steady - started_;
  const Listeners::Traffic& in = listeners_->traffic();
  const Connections::Traffic& out = connections_->traffic();
  const ZapHandler::Counts& doors = zap_->counts();
  const Discovery::Traffic& lan = discovery_->traffic();
  status.traffic = {in.in_bytes + out.in_bytes + lan.in_bytes, in.out_bytes + out.out_bytes + lan.out_bytes,
                    in.faulty + lan.faulty, in.hellos_refused,
                    doors.refused_join + doors.refused_member + doors.malformed};
  return status;
}

std::vector<Endpoint> Bus::addresses_to_remember(std::size_t most) const {
  std::vector<Endpoint> addresses;
  const auto add = [&](const NodeId& id) {
    const Member* member = core_->members().find(id);
    if (member == nullptr || member->state != MemberState::kAlive || addresses.size() >= most) return;
    const auto& join = member->card.socket(Socket::kJoin);
    if (join && std::find(addresses.begin(), addresses.end(), *join) == addresses.end())
      addresses.push_back(*join);
  };
  for (const Peer& peer : core_->overlay().active()) add(peer.id);
  for (const Peer& peer : core_->overlay().passive()) add(peer.id);
  for (const auto& [id, member] : core_->members().all()) add(id);
  return addresses;
}

void Bus::post(std::function<void(Core& core, const Now& now)> work) {
  inbox_.put(std::move(work));
}

void Bus::stop() {
  stopping_.store(true, std::memory_order_release);
  inbox_.wake();
}

void Bus::run() {
  if (options_.program != nullptr) options_.program->begin(*this);
  while (!stopping_.load(std::memory_order_acquire)) turn();
  if (options_.program != nullptr) options_.program->end();
  const Now last = now();
  core_->leave(last);
  carry_out(last.steady);
  ledger_file_.close(core_->ledger());
}

void Bus::turn() {
  items_.clear();
  items_.push_back({nullptr, inbox_.descriptor(), ZMQ_POLLIN, 0});
  items_.push_back({zap_->socket().handle(), 0, ZMQ_POLLIN, 0});
  const std::size_t listening = items_.size();
  listeners_->add_poll_items(items_);
  const std::size_t connected = items_.size();
  connections_->add_poll_items(items_);
  const std::size_t knocking = items_.size();
  knocks_.add_poll_items(items_);
  discovery_->add_poll_items(items_);

  const Time before = now().steady;
  const Time wanted = options_.program != nullptr ? options_.program->next_timer() : kNever;
  const Time due = std::min(
      {core_->next_timer(), discovery_->next_timer(before), ledger_file_.next_timer(), next_tick_, wanted});
  const Time asked = addresses_.waits() ? before + 10ms : kNever;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::min(due, asked) - before);
  const auto most = std::chrono::ceil<std::chrono::milliseconds>(std::min(kTick, listeners_->patience()));
  zmq::poll(items_, std::clamp(wait, 0ms, most));

  const Time at = now().steady;
  do {
    listeners_->notice_connections(at);
  } while (zap_->answer());
  listeners_->poll_done(at, items_, listening, *this);
  connections_->poll_done(at, items_, connected);
  knocks_.poll_done(items_, knocking);
  for (const Knocks::Answer& answer : knocks_.take_answers())
    core_->on_knocked(now(), answer.node, answer.listens);
  for (const Inbox::Work& work : inbox_.take()) work(*core_, now());
  if (core_->next_timer() <= at) core_->on_timer(now());
  if (next_tick_ <= at) {
    next_tick_ = at + kTick;
    connections_->tick(at);
    knocks_.tick(at);
    if (options_.on_tick) options_.on_tick(*this, *core_, now());
  }
  if (options_.program != nullptr) options_.program->turn(*core_, now());
  ledger_file_.turn(now(), core_->ledger());
  look_at_addresses(at);
  find_others();
  carry_out(at);
  if (const Status open = listeners_->tick(at); !open) options_.log(open.error().message);
  for (const NodeId& gone : listeners_->take_gone()) core_->on_stuck(now(), gone);
  for (const std::string& note : core_->take_notes()) remark(note);
  for (const std::string& host : listeners_->take_wrong_tokens()) {
    remark(fmt::format("somebody at {} was not let in: not this network's token, or an older one", host));
  }
}

void Bus::send(Time at, Send message) {
  // Over the connection that the other opened, if we have none: clients cannot be connected to.
  const NodeId to = message.to;
  const Lane lane = message.lane;
  auto answer = Listeners::Answer::kNoRoute;
  if (!connections_->is_open(to)) answer = listeners_->answer(message);
  bool taken = answer == Listeners::Answer::kTaken;
  if (answer == Listeners::Answer::kNoRoute) taken = connections_->send(at, std::move(message));
  // A gap in a stream cannot be mended: it ends here and now. The control lane's protocols repair what they
  // lose.
  if (!taken && lane == Lane::kDispatch) core_->on_stuck(now(), to);
}

Bus::Endpoints Bus::sockets_to_tell() const {
  Endpoints sockets;
  for (const Socket socket : kSocketsOfCard) {
    sockets[static_cast<std::size_t>(socket)] =
        endpoint_to_tell(options_.announce, socket, address_of(options_.listen, socket),
                         listeners_->port(socket), options_.find_host);
  }
  return sockets;
}

void Bus::look_at_addresses(Time at) {
  if (next_look_ > at) return;
  next_look_ = at + options_.look_every;
  const Endpoints sockets = sockets_to_tell();
  if (sockets == told_) return;
  const auto join = static_cast<std::size_t>(Socket::kJoin);
  // A machine that has lost its last network has nothing to tell, and nobody to tell it to.
  if (is_loopback(sockets[join]->host) && !is_loopback(told_[join]->host)) return;
  told_ = sockets;
  if (const Status changed = core_->set_sockets(now(), sockets); !changed)
    return options_.log("this node's new addresses cannot be told: " + changed.error().message);
  options_.log("this node has moved: its join socket is at " + sockets[join]->text());
  discovery_->is_self(sockets[join]->text());
  connections_->set_introduction(at, core_->hello(), join_keys());
  // Neighbours see the new card at once, others with the ledger.
  for (const Peer& peer : core_->overlay().active()) {
    const auto card = read_card(peer.card);
    if (!card) continue;
    const PeerAddress address = addresses_.find(at, peer.id, *card);
    if (address.complete) (void)connections_->introduce_to(at, address.join);  // the ledger tells it as well
  }
}

void Bus::find_others() {
  const Now at = now();
  for (auto& [node, address] : addresses_.poll(at.steady))
    (void)connections_->set_address(at.steady, node, std::move(address));  // it has its place already
  for (const std::string& address : discovery_->turn(at, *core_)) {
    // Too many under way: the address comes again.
    (void)connections_->introduce_to(at.steady, address);
  }
}

void Bus::carry_out(Time at) {
  // Carrying out may have consequences of its own (a node that cannot be reached): until there are none.
  for (std::vector<Effect> effects = core_->take_effects(); !effects.empty();
       effects = core_->take_effects()) {
    for (Effect& effect : effects) carry_out_one(at, effect);
  }
}

void Bus::carry_out_one(Time at, Effect& effect) {
  if (auto* message = std::get_if<Send>(&effect)) {
    send(at, std::move(*message));
  } else if (const auto* news = std::get_if<Publish>(&effect)) {
    listeners_->publish(news->topic, news->message);
  } else if (const auto* subscription = std::get_if<Subscribe>(&effect)) {
    connections_->subscribe(at, subscription->to, subscription->topic, subscription->on);
  } else if (const auto* link = std::get_if<Link>(&effect)) {
    connections_->link(at, link->to);
  } else if (const auto* unlink = std::get_if<Unlink>(&effect)) {
    connections_->unlink(unlink->to);
  } else if (const auto* admit = std::get_if<Admit>(&effect)) {
    const auto card = read_card(admit->card);  // the core has verified it
    if (!card) return;
    if (!zap_->admit(admit->node, card->curve_key) ||
        !connections_->set_address(at, admit->node, addresses_.find(at, admit->node, *card)))
      remark(fmt::format("node {} is not admitted: as many are as may be", admit->node.text()));
  } else if (const auto* client = std::get_if<AdmitClient>(&effect)) {
    if (!zap_->admit_client(client->client, client->curve_key))
      remark(fmt::format("client {} is not admitted: as many are as may be", client->client.text()));
  } else if (const auto* forgotten = std::get_if<Forget>(&effect)) {
    zap_->expel(forgotten->node);
    connections_->forget(forgotten->node);
    addresses_.forget(forgotten->node);
  } else if (const auto* knock = std::get_if<Knock>(&effect)) {
    knocks_.knock(at, knock->to, connections_->control_address(knock->to));
  } else if (std::holds_alternative<Rekey>(effect)) {
    take_new_keys(at);
  } else if (const auto* expel = std::get_if<Expel>(&effect)) {
    if (!zap_->admits(expel->node)) return;
    remark(fmt::format("node {} is shut out: {}", expel->node.text(), expel->why));
    zap_->expel(expel->node);
    connections_->forget(expel->node);
    addresses_.forget(expel->node);
    listeners_->cut_off(expel->node);
  }
}

void Bus::remark(const std::string& sentence) {
  remarks_.say(now().steady, sentence);
}

void Bus::note(const Status& status, const NodeId& from) {
  if (!status) remark(fmt::format("a message of node {}: {}", from.text(), status.error().message));
}

void Bus::on_message(const NodeId& from, Lane lane, ByteView message, std::vector<Bytes> frames) {
  connections_->heard(now().steady, from);
  note(core_->on_message(now(), from, lane, message, std::move(frames)), from);
}

void Bus::on_gossip(const NodeId& from, Topic, ByteView message) {
  note(core_->on_gossip(now(), from, message), from);
}

void Bus::on_introduced(const std::string& address, ByteView answer) {
  if (is_own(answer)) return discovery_->is_self(address);
  const Status welcomed = core_->on_welcome(now(), answer);
  if (welcomed) return note_meeting(answer, host_of(address));
  remark(fmt::format("the node at {}: {}", address, welcomed.error().message));
}

void Bus::note_meeting(ByteView introduction, const std::string& host) {
  Reader reader = Reader::of_message(introduction);
  // The core has verified it.
  if (const auto card = read_card(reader.bin(kMaxCardBytes))) addresses_.met_at(card->id(), *card, host);
}

bool Bus::is_own(ByteView introduction) const {
  Reader reader = Reader::of_message(introduction);
  const auto card = read_card(reader.bin(kMaxCardBytes));
  return card && card->id() == id_ && card->instance == options_.core.instance;
}

void Bus::on_unreachable(const NodeId& node, const std::string& why) {
  remark(fmt::format("node {} cannot be reached: {}", node.text(), why));
  addresses_.forget(node);
  core_->on_unreachable(now(), node);
}

void Bus::on_unanswered(const std::string& address) {
  remark(
      fmt::format("nobody of this network answers at {}: no node listens there, or it has another token (its "
                  "network's token may have been changed since yours was made)",
                  address));
}

Bytes Bus::on_hello(ByteView message, const std::string& host) {
  // Ourselves, at an address that is also ours: so we are told.
  if (is_own(message)) return Writer(MessageType::kWelcome, 2).bin(core_->card()).array(0).take();
  Bytes answer = core_->on_hello(now(), message);
  const auto header = read_header(answer);
  if (header && header->type == MessageType::kWelcome) note_meeting(message, host);
  return answer;
}

}  // namespace zswarm::bus
