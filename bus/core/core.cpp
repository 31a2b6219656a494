#include "bus/core/core.h"

#include <fmt/format.h>

#include <algorithm>

#include "bus/base/text.h"

namespace zswarm::bus {
namespace {

// What a broadcast carries: [kind, bytes].
constexpr std::uint64_t kLedgerEntry = 1;

constexpr std::size_t kCardsInWelcome = 8;
constexpr Duration kLedgerTick = std::chrono::seconds(1);
// Reconciliation with one neighbour at a time, beside what broadcasts bring: rare, since normally it finds
// nothing.
constexpr Duration kSyncEvery = std::chrono::seconds(30);

std::string card_key(const NodeId& id) {
  return "node/" + id.text() + "/card";
}

Bytes refusal(const Error& error) {
  return Writer(MessageType::kRefusal, 2).text(error_code_name(error.code)).text(error.message).take();
}

}  // namespace

/// Checks cards for the overlay.
class Core::Cards final : public CardCheck {
 public:
  Cards(const std::vector<NetworkKeys>& epochs, const Ledger& ledger) : epochs_(epochs), ledger_(ledger) {}

  [[nodiscard]] Result<NodeId> check(ByteView card) const override {
    const auto verified = verify(card);
    if (!verified) return tl::unexpected(verified.error());
    return verified->id();
  }

  [[nodiscard]] Result<Card> verify(ByteView bytes) const {
    auto card = verify_card(bytes, epochs_);
    if (card && ledger_.is_revoked(card->id())) {
      return fail(ErrorCode::kRefused,
                  fmt::format("node {} ({}) has been revoked", card->id().text(), card->name));
    }
    return card;
  }

 private:
  const std::vector<NetworkKeys>& epochs_;
  const Ledger& ledger_;
};

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
      ledger_({.network = {epochs_.front().id.bytes.begin(), epochs_.front().id.bytes.end()},
               .operator_key = epochs_.front().operator_key},
              &identity_.sign, random_.next()),
      sync_(ledger_, random_.next()),
      server_(options_.server) {
  cards_ = std::make_unique<Cards>(epochs_, ledger_);
  overlay_ = std::make_unique<Overlay>(options_.overlay, *cards_,
                                       Self{identity_.id, card_, identity_.incarnation, options_.instance},
                                       random_.next());
  client_ = std::make_unique<ServiceClient>(options_.client, identity_.incarnation, random_);
  // A new ledger has room for two watchers.
  card_watch_ = *ledger_.watch("node/");
  revoked_watch_ = *ledger_.watch("network/revoked/");
}

Core::~Core() = default;

Bytes Core::hello() const {
  return Writer(MessageType::kHello, 1).bin(card_).take();
}

Result<Card> Core::admit(const Now& now, ByteView bytes) {
  auto card = cards_->verify(bytes);
  if (!card) return card;
  if (card->id() == identity_.id)
    return fail(ErrorCode::kRefused, "this is the node's own card: two nodes with one identity?");
  members_.learn(*card);
  out_.add(Admit{card->id(), Bytes(bytes.begin(), bytes.end())});
  overlay_->add_candidate(now.steady, Peer{card->id(), Bytes(bytes.begin(), bytes.end())}, out_);
  return card;
}

Bytes Core::on_hello(const Now& now, ByteView message) {
  const auto header = read_header(message);
  if (!header) return refusal(header.error());
  Reader reader = Reader::of_message(message);
  const ByteView card = reader.bin(kMaxCardBytes);
  if (header->type != MessageType::kHello || !reader.ok()) {
    return refusal({ErrorCode::kMalformed, "the join socket takes a hello with a card and nothing else"});
  }
  const auto admitted = admit(now, card);
  if (!admitted) return refusal(admitted.error());
  const auto active = overlay_->active();
  const auto shown = static_cast<std::uint32_t>(std::min(active.size(), kCardsInWelcome));
  Writer welcome(MessageType::kWelcome, 2);
  welcome.bin(card_).array(shown);
  for (std::uint32_t i = 0; i < shown; ++i) welcome.bin(active[i].card);
  settle(now);
  return welcome.take();
}

Status Core::on_welcome(const Now& now, ByteView message) {
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
  if (overlay_->active().empty()) {
    overlay_->join(now.steady, Peer{contact->id(), Bytes(card.begin(), card.end())}, out_);
  }
  settle(now);
  return {};
}

Status Core::on_message(const Now& now, const NodeId& from, Lane lane, ByteView message,
                        std::vector<Bytes> frames) {
  const auto header = read_header(message);
  if (!header) return tl::unexpected(header.error());
  if (ledger_.is_revoked(from))
    return fail(ErrorCode::kRefused, fmt::format("node {} has been revoked", from.text()));
  const auto block = static_cast<std::uint8_t>(header->type) >> 4;
  Status status;
  if (lane == Lane::kDispatch) {
    const bool to_server = header->type == MessageType::kRequest || header->type == MessageType::kCredit ||
                           header->type == MessageType::kCancel || header->type == MessageType::kBeat;
    status = block != 5  ? fail(ErrorCode::kMalformed, "the dispatch socket takes requests and streams only")
             : to_server ? server_.on_message(now.steady, from, *header, message, std::move(frames), out_)
                         : client_->on_message(now.steady, from, *header, message, std::move(frames), out_);
  } else if (block >= 1 && block <= 3) {
    status = overlay_->on_message(now.steady, from, message, out_);
  } else if (block == 4) {
    sync_.on_message(now, from, message, out_);
  } else {
    status = fail(ErrorCode::kMalformed, "the control socket does not take this type of message");
  }
  settle(now);
  return status;
}

Status Core::on_gossip(const Now& now, const NodeId& from, ByteView message) {
  const Status status = overlay_->on_message(now.steady, from, message, out_);
  settle(now);
  return status;
}

void Core::on_lost(const Now& now, const NodeId& peer) {
  overlay_->on_lost(now.steady, peer, out_);
  client_->on_lost(now.steady, peer);
  server_.on_lost(now.steady, peer);
  settle(now);
}

void Core::on_timer(const Now& now) {
  if (overlay_->next_timer() <= now.steady) overlay_->on_timer(now.steady, out_);
  if (client_->next_timer() <= now.steady) client_->on_timer(now.steady, out_);
  if (server_.next_timer() <= now.steady) server_.on_timer(now.steady, out_);
  if (sync_.next_timer() <= now.steady) sync_.on_timer(now);
  if (ledger_timer_ <= now.steady) {
    ledger_timer_ = now.steady + kLedgerTick;
    for (Bytes& delta : ledger_.on_timer(now)) broadcast(now, std::move(delta));
  }
  if (sync_due_ <= now.steady) {
    sync_due_ = now.steady + kSyncEvery;
    const auto active = overlay_->active();
    // Busy means that one is under way already.
    if (!active.empty()) (void)sync_.open(now, active[random_.below(active.size())].id, out_);
  }
  settle(now);
}

Time Core::next_timer() const {
  return std::min({overlay_->next_timer(), client_->next_timer(), server_.next_timer(), sync_.next_timer(),
                   ledger_timer_, sync_due_});
}

void Core::broadcast(const Now& now, Bytes entry) {
  // Entries are far below the limit of news; a full queue is repaired by reconciliation.
  (void)overlay_->broadcast(now.steady, Writer(2).uint(kLedgerEntry).bin(entry).take(), out_);
}

Status Core::tell(const Now& now, Result<Bytes> delta) {
  if (!delta) return tl::unexpected(delta.error());
  broadcast(now, std::move(*delta));
  settle(now);
  return {};
}

Status Core::put(const Now& now, std::string_view key, ByteView value) {
  return tell(now, ledger_.put(now, key, value));
}

Status Core::erase(const Now& now, std::string_view key) {
  return tell(now, ledger_.erase(now, key));
}

Status Core::put_as_operator(const Now& now, const SignKeyPair& operator_keys, std::string_view key,
                             ByteView value) {
  return tell(now, ledger_.put_as(operator_keys, now, key, value));
}

void Core::leave(const Now& now) {
  overlay_->leave(now.steady, out_);
  settle(now);
}

void Core::settle(const Now& now) {
  if (!introduced_self_) {
    introduced_self_ = true;
    if (const auto delta = ledger_.put(now, card_key(identity_.id), card_)) broadcast(now, *delta);
  }
  for (const OverlayEvent& event : overlay_->take_events()) on_event(now, event);
  read_ledger_news(now);
}

void Core::on_event(const Now& now, const OverlayEvent& event) {
  if (const auto* news = std::get_if<Delivered>(&event)) {
    Reader reader = Reader::of_bytes(news->payload);
    const std::uint64_t kind = reader.uint();
    const ByteView entry = reader.bin(kMaxEntryBytes);
    // Kinds that a later version adds are passed over.
    if (reader.ok() && kind == kLedgerEntry) (void)ledger_.merge(now, entry);
  } else if (const auto* up = std::get_if<NeighbourUp>(&event)) {
    // What was broadcast before we came, or while we were cut off. Busy: a session runs already.
    (void)sync_.open(now, up->id, out_);
  } else if (const auto* suspected = std::get_if<Suspected>(&event)) {
    members_.set_state(suspected->id, MemberState::kSuspected);
  } else if (const auto* refuted = std::get_if<Refuted>(&event)) {
    members_.set_state(refuted->id, MemberState::kAlive);
  } else if (const auto* joined = std::get_if<Joined>(&event)) {
    members_.set_state(joined->id, MemberState::kAlive);
  } else if (const auto* dead = std::get_if<Dead>(&event)) {
    on_gone(now, dead->id, MemberState::kDead);
  } else if (const auto* left = std::get_if<Left>(&event)) {
    on_gone(now, left->id, MemberState::kLeft);
  } else if (const auto* twice = std::get_if<DuplicateIdentity>(&event)) {
    duplicates_.insert(twice->id);
  }
}

void Core::on_gone(const Now& now, const NodeId& node, MemberState state) {
  members_.set_state(node, state);
  client_->on_lost(now.steady, node);
  server_.on_lost(now.steady, node);
}

void Core::read_ledger_news(const Now& now) {
  const auto read_card = [&](std::string_view key, const std::optional<Found>& found) {
    if (!key.ends_with("/card") || !found || found->author == identity_.id) return;
    const auto card = cards_->verify(found->value);
    if (card && card->id() == found->author) members_.learn(*card);
  };
  const LedgerNews cards = ledger_.take_news(card_watch_);
  if (cards.overflow) {
    ledger_.for_each("node/", [&](const Found& found) { return read_card(found.key, found), true; });
  }
  for (const Change& change : cards.changes) {
    if (!change.erased) read_card(change.key, ledger_.get(change.key));
  }
  const auto shut_out = [&](std::string_view key) {
    const auto id = revoked_node(key);
    if (!id || !ledger_.is_revoked(*id)) return;
    members_.set_state(*id, MemberState::kRevoked);
    client_->on_lost(now.steady, *id);
    server_.on_lost(now.steady, *id);
    overlay_->expel(now.steady, *id, out_);
    out_.add(Expel{*id, "revoked by the operator"});
  };
  const LedgerNews revoked = ledger_.take_news(revoked_watch_);
  if (revoked.overflow) {
    ledger_.for_each("network/revoked/", [&](const Found& found) { return shut_out(found.key), true; });
  }
  for (const Change& change : revoked.changes) shut_out(change.key);
}

}  // namespace zswarm::bus
