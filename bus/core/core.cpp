#include "bus/core/core.h"

#include <fmt/format.h>

#include <algorithm>

#include "bus/base/text.h"
#include "bus/core/info.h"
#include "bus/core/version.h"

namespace zswarm::bus {
namespace {

constexpr std::size_t kCardsInWelcome = 8;  // that we read
constexpr std::size_t kCardsShown = 3;      // they are the most of what a welcome costs
constexpr Duration kLedgerTick = std::chrono::seconds(1);
// A suspect with which there is no link any more counts as dead here after so much silence. Longer than the
// detector would take over a link, where much is lost (overlay/detector.cpp).
constexpr Duration kSuspectedAtMost = std::chrono::seconds(20);
// Reconciliation with one neighbour at a time, beside what broadcasts bring: rare, since normally it finds
// nothing.
constexpr Duration kSyncEvery = std::chrono::seconds(30);

Bytes refusal(const Error& error) {
  return Writer(MessageType::kRefusal, 2).text(error_code_name(error.code)).text(error.message).take();
}

}  // namespace

Result<std::unique_ptr<Core>> Core::create(CoreOptions options, Identity identity,
                                           std::vector<NetworkKeys> epochs) {
  ZS_BUS_ASSERT(!epochs.empty());
  options.card.incarnation = identity.incarnation;
  options.card.instance = options.instance;
  auto card = seal_card(options.card, identity.sign, epochs.front());
  if (!card) return tl::unexpected(card.error());
  return std::unique_ptr<Core>(
      new Core(std::move(options), std::move(identity), std::move(epochs), std::move(*card)));
}

Core::Core(CoreOptions options, Identity identity, std::vector<NetworkKeys> epochs, Bytes card)
    : options_(std::move(options)),
      identity_(std::move(identity)),
      epochs_(std::move(epochs)),
      card_(std::move(card)),
      random_(options_.seed),
      ledger_(
          {.network = {keys().id.bytes.begin(), keys().id.bytes.end()}, .operator_key = keys().operator_key},
          &identity_.sign, random_.next()),
      cards_(epochs_, ledger_),
      news_(ledger_),
      sync_(ledger_, random_.next()),
      members_(options_.limits.members),
      roster_(members_, ledger_, cards_),
      clients_(options_.limits),
      server_(options_.server),
      version_answers_(options_.limits.versions_per_s, options_.limits.versions_burst) {
  overlay_ = std::make_unique<Overlay>(options_.overlay, cards_,
                                       Self{identity_.id, card_, identity_.incarnation, options_.instance},
                                       random_.next(), &news_, &roster_);
  client_ = std::make_unique<ServiceClient>(options_.client, identity_.incarnation, random_);
  chunk_server_ = std::make_unique<ChunkServer>(options_.chunks);
  chunk_client_ = std::make_unique<ChunkClient>(options_.fetch, options_.limits.fetches, random_);
  // A new ledger has room for these watchers, and the name is a good one.
  card_watch_ = *ledger_.watch("node/");
  revoked_watch_ = *ledger_.watch("network/revoked/");
  epoch_watch_ = *ledger_.watch(std::string(kEpochPrefix));
  client_watch_ = *ledger_.watch(std::string(kClientPrefix));
  const Status offered = server_.offer(std::string(kInfoService), options_.limits.info_calls);
  ZS_BUS_ASSERT(offered.has_value());
}

Core::~Core() = default;

Bytes Core::hello() const {
  return Writer(MessageType::kHello, 1).bin(card_).take();
}

Result<Card> Core::admit(const Now& now, ByteView bytes) {
  auto card = cards_.verify(bytes);
  if (!card) return card;
  if (card->id() == identity_.id)
    return fail(ErrorCode::kRefused, "this is the node's own card: two nodes with one identity?");
  if (!remember(now.steady, *card))
    return fail(ErrorCode::kBusy, "this node knows as many members as it can: try another one");
  Peer peer{card->id(), Bytes(bytes.begin(), bytes.end())};
  out_.add(Admit{peer.id, peer.card});
  if (!card->takes_links()) return card;
  overlay_->renew_card(peer);
  overlay_->add_candidate(now.steady, std::move(peer), out_);
  return card;
}

bool Core::is_in_views(const NodeId& id) const {
  const auto is = [&](const Peer& peer) { return peer.id == id; };
  const auto active = overlay_->active(), passive = overlay_->passive();
  return std::any_of(active.begin(), active.end(), is) || std::any_of(passive.begin(), passive.end(), is);
}

bool Core::remember(Time now, const Card& card) {
  if (card.id() == identity_.id) return true;
  if (members_.is_full_for(card.id())) {
    for (const NodeId& gone : members_.make_room([&](const NodeId& id) { return is_in_views(id); }))
      out_.add(Forget{gone});
  }
  return members_.learn(now, card);
}

std::vector<Effect> Core::take_effects() {
  // Those whom the overlay admits are members too; the list keeps count of all who have a place somewhere.
  std::vector<Effect> effects = out_.take();
  std::erase_if(effects, [&](const Effect& effect) {
    const auto* admitted = std::get_if<Admit>(&effect);
    if (admitted == nullptr || members_.find(admitted->node) != nullptr) return false;
    const auto card = bus::read_card(admitted->card);
    return !card || !remember(last_now_, *card);
  });
  for (Effect& forgotten : out_.take()) effects.push_back(std::move(forgotten));
  return effects;
}

Bytes Core::on_hello(const Now& now, ByteView message) {
  const auto any = peek_header(message);
  if (any && any->type == MessageType::kVersion) return {};
  if (any && any->major != kMajorVersion) {
    if (version_answers_.take(now.steady, 1))
      note(fmt::format("somebody at the join socket speaks version {} of the protocol: it was told",
                       any->major));
    return version_message();
  }
  const auto header = read_header(message);
  if (!header) return refusal(header.error());
  Reader reader = Reader::of_message(message);
  const ByteView card = reader.bin(kMaxCardBytes);
  if (header->type != MessageType::kHello || !reader.ok()) {
    return refusal({ErrorCode::kMalformed, "the join socket takes a hello with a card and nothing else"});
  }
  const auto admitted = admit(now, card);
  if (!admitted) return refusal(admitted.error());
  members_.set_state(admitted->id(), MemberState::kAlive);  // whatever was told of it: here it is
  const auto active = overlay_->active();
  const auto shown = static_cast<std::uint32_t>(std::min(active.size(), kCardsShown));
  Writer welcome(MessageType::kWelcome, 2);
  welcome.bin(card_).array(shown);
  for (std::uint32_t i = 0; i < shown; ++i) welcome.bin(active[i].card);
  settle(now);
  return welcome.take();
}

Status Core::on_welcome(const Now& now, ByteView message) {
  const auto any = peek_header(message);
  if (any && any->type == MessageType::kVersion) return fail(ErrorCode::kUnsupported, said_version(message));
  const auto header = read_header(message);
  if (!header) return tl::unexpected(header.error());
  Reader reader = Reader::of_message(message);
  if (header->type == MessageType::kRefusal) {
    const std::string_view code = reader.text(64), sentence = reader.text(512);
    if (!reader.ok() || !is_plain_text(code) || !is_plain_text(sentence)) {
      return fail(ErrorCode::kMalformed, "a refusal that cannot be read");
    }
    return fail(ErrorCode::kRefused, fmt::format("refused ({}): {}", code, sentence));
  }
  const ByteView card = reader.bin(kMaxCardBytes);
  Reader others = reader.array(kCardsInWelcome);
  if (header->type != MessageType::kWelcome || !reader.ok())
    return fail(ErrorCode::kMalformed, "no welcome came back");
  const auto contact = admit(now, card);
  if (!contact) return tl::unexpected(contact.error());
  // Cards of third nodes may be out of date or of revoked nodes: those are passed over.
  while (others.left() > 0) {
    if (const ByteView other = others.bin(kMaxCardBytes); others.ok()) (void)admit(now, other);
  }
  if (overlay_->active().empty() && contact->takes_links()) {
    overlay_->join(now.steady, Peer{contact->id(), Bytes(card.begin(), card.end())}, out_);
  }
  settle(now);
  return {};
}

std::optional<Error> Core::other_version(const Now& now, const NodeId& from, Lane lane, ByteView message) {
  const auto header = peek_header(message);
  if (!header) return std::nullopt;
  if (header->type == MessageType::kVersion) return Error{ErrorCode::kUnsupported, said_version(message)};
  const auto known = read_header(message);
  if (known) return std::nullopt;
  if (version_answers_.take(now.steady, 1)) out_.send(from, version_message(), lane);
  return known.error();
}

Status Core::on_message(const Now& now, const NodeId& from, Lane lane, ByteView message,
                        std::vector<Bytes> frames) {
  last_now_ = now.steady;
  news_.set_time(now);
  if (ledger_.is_revoked(from))
    return fail(ErrorCode::kRefused, fmt::format("node {} has been revoked", from.text()));
  if (auto other = other_version(now, from, lane, message)) return tl::unexpected(std::move(*other));
  const auto header = read_header(message);
  if (!header) return tl::unexpected(header.error());
  // Connections outlive what admitted them: libzmq cannot close one.
  if (members_.find(from) == nullptr && !clients_.contains(from))
    return fail(ErrorCode::kRefused, fmt::format("{} is no member here, and no client", from.text()));
  members_.heard(now.steady, from);
  // Whoever speaks lives; the overlay says so only of its neighbours.
  if (is_suspected(from)) members_.set_state(from, MemberState::kAlive);
  const Status status = lane == Lane::kDispatch ? on_dispatch(now, from, *header, message, std::move(frames))
                                                : on_control(now, from, *header, message);
  settle(now);
  return status;
}

Status Core::on_dispatch(const Now& now, const NodeId& from, const Header& header, ByteView message,
                         std::vector<Bytes> frames) {
  switch (header.type) {
    case MessageType::kRequest:
    case MessageType::kCredit:
    case MessageType::kCancel:
    case MessageType::kBeat:
      return server_.on_message(now.steady, from, header, message, std::move(frames), out_);
    case MessageType::kEvent:
    case MessageType::kEnd:
    case MessageType::kAlive:
      return client_->on_message(now.steady, from, header, message, std::move(frames), out_);
    default:
      return fail(ErrorCode::kMalformed, "the dispatch socket takes requests and streams only");
  }
}

Status Core::on_control(const Now& now, const NodeId& from, const Header& header, ByteView message) {
  // The driver lets clients connect to the dispatch socket only; this does not depend on it.
  if (clients_.contains(from))
    return fail(ErrorCode::kRefused, "a client may use the dispatch socket and no other");
  const auto block = static_cast<std::uint8_t>(header.type) >> 4;
  if (block >= 1 && block <= 3) return overlay_->on_message(now.steady, from, message, out_);
  if (block == 4) return sync_.on_message(now, from, message, out_), Status();
  switch (header.type) {
    case MessageType::kChunkQuery:
    case MessageType::kChunkGet:
      return chunk_server_->on_message(now.steady, from, header, message, out_);
    case MessageType::kChunkHave:
    case MessageType::kChunkData:
      return chunk_client_->on_message(now.steady, from, header, message, out_);
    default:
      return fail(ErrorCode::kMalformed, "the control socket does not take this type of message");
  }
}

Status Core::on_gossip(const Now& now, const NodeId& from, ByteView message) {
  last_now_ = now.steady;
  news_.set_time(now);
  if (auto other = other_version(now, from, Lane::kControl, message))
    return tl::unexpected(std::move(*other));
  members_.heard(now.steady, from);
  const Status status = overlay_->on_message(now.steady, from, message, out_);
  settle(now);
  return status;
}

void Core::on_unreachable(const Now& now, const NodeId& peer) {
  const Member* const member = members_.find(peer);
  // A suspect stays one: helpers do not reach it either, so it is dead or speaks up soon.
  if (member != nullptr && member->state == MemberState::kAlive)
    members_.set_state(peer, MemberState::kUnreachable);
  on_lost(now, peer);
}

void Core::on_lost(const Now& now, const NodeId& peer) {
  overlay_->on_lost(now.steady, peer, out_);
  end_streams(now, peer);
  chunk_client_->on_lost(now.steady, peer, out_);
  chunk_server_->on_lost(now.steady, peer);
  settle(now);
}

void Core::on_knocked(const Now& now, const NodeId& peer, bool listens) {
  last_now_ = now.steady;
  overlay_->on_knocked(now.steady, peer, listens, out_);
  settle(now);
}

void Core::on_stuck(const Now& now, const NodeId& peer) {
  end_streams(now, peer);
  settle(now);
}

void Core::end_streams(const Now& now, const NodeId& peer) {
  client_->on_lost(now.steady, peer);
  server_.on_lost(now.steady, peer);
}

void Core::on_timer(const Now& now) {
  last_now_ = now.steady;
  if (overlay_->next_timer() <= now.steady) overlay_->on_timer(now.steady, out_);
  if (client_->next_timer() <= now.steady) client_->on_timer(now.steady, out_);
  if (server_.next_timer() <= now.steady) server_.on_timer(now.steady, out_);
  if (chunk_client_->next_timer() <= now.steady) chunk_client_->on_timer(now.steady, out_);
  if (chunk_server_->next_timer() <= now.steady) chunk_server_->on_timer(now.steady, out_);
  if (sync_.next_timer() <= now.steady) sync_.on_timer(now);
  if (ledger_timer_ <= now.steady) {
    ledger_timer_ = now.steady + kLedgerTick;
    for (const Bytes& delta : ledger_.on_timer(now)) broadcast_entry(now, delta);
    give_up_suspects(now);
  }
  if (review_due_ <= now.steady) review_members(now);
  if (sync_due_ <= now.steady) {
    sync_due_ = now.steady + kSyncEvery;
    const auto active = overlay_->active();
    // Busy means that one is under way already.
    if (!active.empty()) (void)sync_.open(now, active[random_.below(active.size())].id, out_);
  }
  settle(now);
}

Time Core::next_timer() const {
  return std::min({overlay_->next_timer(), client_->next_timer(), server_.next_timer(),
                   chunk_client_->next_timer(), chunk_server_->next_timer(), sync_.next_timer(),
                   ledger_timer_, sync_due_, review_due_});
}

void Core::broadcast_entry(const Now& now, const Bytes& entry) {
  // Entries are far below the limit of news; a full queue is repaired by reconciliation.
  (void)overlay_->broadcast(now.steady, Writer(2).uint(kLedgerEntryNews).bin(entry).take(), out_);
}

Status Core::hint(const Now& now, ByteView bytes) {
  if (bytes.size() > kMaxHintBytes) return fail(ErrorCode::kTooLarge, "a load hint is over 1 KiB: tell less");
  const Status sent = overlay_->broadcast(
      now.steady,
      Writer(4).uint(kLoadHintNews).bin(bytes).uint(identity_.incarnation).uint(++hints_told_).take(), out_);
  settle(now);
  return sent;
}

void Core::leave(const Now& now) {
  overlay_->leave(now.steady, out_);
  settle(now);
}

void Core::settle(const Now& now) {
  last_now_ = now.steady;
  if (!started_) {
    started_ = now.steady;
    introduce_self(now);
  }
  for (const OverlayEvent& event : overlay_->take_events()) on_event(now, event);
  for (const SyncReport& report : sync_.take_reports()) in_step_ |= report.end == SyncReport::End::kEqual;
  read_ledger_news(now);
  answer_info(now);
}

void Core::on_event(const Now& now, const OverlayEvent& event) {
  if (const auto* news = std::get_if<Delivered>(&event)) {
    on_news(now, *news);
  } else if (const auto* up = std::get_if<NeighbourUp>(&event)) {
    // What was broadcast before we came, or while we were cut off. Busy: a session runs already.
    (void)sync_.open(now, up->id, out_);
    if (is_suspected(up->id)) members_.set_state(up->id, MemberState::kAlive);
  } else if (const auto* down = std::get_if<NeighbourDown>(&event)) {
    // The link was given up before it was known what has become of the node: ask it.
    if (is_suspected(down->id)) (void)sync_.open(now, down->id, out_);
  } else if (const auto* suspected = std::get_if<Suspected>(&event)) {
    members_.set_state(suspected->id, MemberState::kSuspected);
  } else if (const auto* refuted = std::get_if<Refuted>(&event)) {
    members_.set_state(refuted->id, MemberState::kAlive);
    members_.heard(now.steady, refuted->id);
  } else if (const auto* joined = std::get_if<Joined>(&event)) {
    members_.set_state(joined->id, MemberState::kAlive);
    members_.heard(now.steady, joined->id);
  } else if (const auto* dead = std::get_if<Dead>(&event)) {
    on_gone(now, dead->id, MemberState::kDead);
  } else if (const auto* left = std::get_if<Left>(&event)) {
    on_gone(now, left->id, MemberState::kLeft);
  } else if (const auto* twice = std::get_if<DuplicateIdentity>(&event)) {
    note_duplicate(twice->id);
  }
}

void Core::on_news(const Now& now, const Delivered& news) {
  Reader reader = Reader::of_bytes(news.payload);
  const std::uint64_t kind = reader.uint();
  // Entries of the ledger have been merged (news_desk.h); kinds that a later version adds are passed over.
  if (kind != kLoadHintNews) return;
  const ByteView hint = reader.bin(kMaxHintBytes);
  const std::uint64_t incarnation = reader.uint();
  const HintOrder order{incarnation, reader.uint()};
  if (reader.ok()) members_.set_hint(now.steady, news.origin, hint, order);
}

bool Core::is_suspected(const NodeId& id) const {
  const Member* member = members_.find(id);
  return member != nullptr && member->state == MemberState::kSuspected;
}

void Core::give_up_suspects(const Now& now) {
  std::vector<NodeId> silent;
  for (const auto& [id, member] : members_.all()) {
    if (member.state == MemberState::kSuspected && now.steady - member.heard > kSuspectedAtMost)
      silent.push_back(id);
  }
  for (const Overlay::Neighbour& neighbour : overlay_->neighbours()) std::erase(silent, neighbour.id);
  for (const NodeId& id : silent) on_gone(now, id, MemberState::kDead);
}

void Core::on_gone(const Now& now, const NodeId& node, MemberState state) {
  members_.set_state(node, state);
  end_streams(now, node);
}

void Core::note_duplicate(const NodeId& id) {
  if (!duplicates_.insert(id).second) return;
  note(
      fmt::format("node {} runs twice: two processes have one identity; stop one of them, or give it a data "
                  "folder of its own",
                  id.text()));
  duplicate_order_.push_back(id);
  if (duplicate_order_.size() <= options_.limits.duplicates) return;
  duplicates_.erase(duplicate_order_.front());
  duplicate_order_.pop_front();
}

void Core::answer_info(const Now& now) {
  for (const IncomingCall& call : server_.take_calls_of(kInfoService)) {
    const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(now.steady - *started_).count();
    Bytes info = write_info({.id = identity_.id,
                             .name = options_.card.name,
                             .version = options_.card.version,
                             .members = members_.living() + 1,
                             .uptime_s = static_cast<std::uint64_t>(uptime)});
    // A request's first grant is one event at least. NotFound: the caller has cancelled meanwhile.
    (void)server_.event(now.steady, call.call, std::move(info), {}, out_);
    (void)server_.finish(now.steady, call.call, {}, out_);
  }
}

void Core::note(std::string sentence) {
  if (notes_.size() < options_.limits.notes) notes_.push_back(std::move(sentence));
}

}  // namespace zswarm::bus
