// What the core writes to the ledger, and what it learns from it: cards, revocations, epochs, clients.
#include <fmt/format.h>

#include "bus/base/text.h"
#include "bus/core/core.h"
#include "bus/keys/sealed_token.h"

namespace zswarm::bus {
namespace {

// After a rotation, before members are judged by it: the operator's words about each of them come one by one,
// and what a broadcast lost is brought by a reconciliation with a neighbour within half a minute.
constexpr Duration kReviewAfter = std::chrono::seconds(40);

std::string card_key(const NodeId& id) {
  return "node/" + id.text() + "/card";
}

}  // namespace

Status Core::tell(const Now& now, Result<Bytes> delta) {
  if (!delta) return tl::unexpected(delta.error());
  broadcast_entry(now, *delta);
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

Status Core::erase_as_operator(const Now& now, const SignKeyPair& operator_keys, std::string_view key) {
  return tell(now, ledger_.erase_as(operator_keys, now, key));
}

void Core::introduce_self(const Now& now) {
  const auto delta = ledger_.put(now, card_key(identity_.id), card_);
  if (!delta) return note("this node's card is not in the ledger: " + delta.error().message);
  broadcast_entry(now, *delta);
}

Status Core::set_sockets(const Now& now, const std::array<std::optional<Endpoint>, kSocketCount>& sockets) {
  Card changed = options_.card;
  changed.sockets = sockets;
  auto card = seal_card(changed, identity_.sign, keys());
  if (!card) return tl::unexpected(card.error());
  options_.card = std::move(changed);
  card_ = std::move(*card);
  overlay_->set_card(card_);
  introduce_self(now);
  settle(now);
  return {};
}

Status Core::rotate(const Now& now, const SignKeyPair& operator_keys, const Token& next) {
  const NetworkKeys& present = keys();
  if (next.operator_key != present.operator_key || operator_keys.public_key != present.operator_key)
    return fail(ErrorCode::kRefused, "the next token is of another network");
  if (next.epoch <= present.epoch) {
    return fail(ErrorCode::kRefused, fmt::format("the next token is of epoch {}, the present one of epoch {}",
                                                 next.epoch, present.epoch));
  }
  const auto give = [&](const NodeId& id, const CurvePublicKey& key) -> Status {
    const auto sealed = seal_token(next, key);
    if (!sealed) return tl::unexpected(sealed.error());
    const auto delta = ledger_.put_as(operator_keys, now, epoch_key(next.epoch, id), *sealed);
    if (!delta) return tl::unexpected(delta.error());
    broadcast_entry(now, *delta);
    return {};
  };
  // This node's own first: if that fails, nothing has happened.
  if (const Status own = give(identity_.id, identity_.curve.public_key); !own) return own;
  std::size_t told = 0, left_out = 0;
  for (const auto& [id, member] : members_.all()) {
    if (ledger_.is_revoked(id) || member.state == MemberState::kGuest) continue;
    give(id, member.card.curve_key) ? ++told : ++left_out;
  }
  settle(now);
  if (left_out == 0) return {};
  return fail(ErrorCode::kBusy, fmt::format("the token was changed, but the ledger had no room for {} of {} "
                                            "members: give them the new token by hand",
                                            left_out, told + left_out));
}

Status Core::add_client(const Now& now, const CurvePublicKey& key, std::string_view name) {
  if (name.size() > kMaxClientNameBytes || !is_plain_text(name))
    return fail(ErrorCode::kRefused, "a client's name is plain text of at most 64 bytes");
  const NodeId client = client_id_of(key);
  if (ledger_.is_revoked(client))
    return fail(ErrorCode::kRefused, "this client has been revoked: make a new key for it");
  if (clients_.registered_by(identity_.id) >= options_.limits.clients_of_node)
    return fail(ErrorCode::kBusy, "this node has made as many clients as it may: revoke or remove some");
  return put(now, client_key(identity_.id, client), write_client({key, std::string(name)}));
}

Status Core::remove_client(const Now& now, const NodeId& client) {
  const std::string key = client_key(identity_.id, client);
  if (!ledger_.get(key)) return fail(ErrorCode::kNotFound, "this node has made no such client");
  return erase(now, key);
}

// --- What the ledger tells ---

template <class Visit>
void Core::read_news(WatchId watch, std::string_view prefix, Visit visit) {
  const LedgerNews news = ledger_.take_news(watch);
  std::vector<std::string> keys;
  if (news.overflow) {
    ledger_.for_each(prefix, [&](const Found& found) { return keys.emplace_back(found.key), true; });
  }
  for (const Change& change : news.changes) keys.push_back(change.key);
  for (const std::string& key : keys) visit(key);
}

void Core::read_ledger_news(const Now& now) {
  // Epochs before cards: a card of a new epoch is read with its keys.
  read_news(revoked_watch_, "network/revoked/", [&](const std::string& key) { read_revocation(now, key); });
  read_news(epoch_watch_, kEpochPrefix, [&](const std::string& key) { read_epoch(now, key); });
  read_news(card_watch_, "node/", [&](const std::string& key) { read_card(now, key); });
  read_news(client_watch_, kClientPrefix, [&](const std::string& key) { read_client_entry(now, key); });
}

void Core::read_card(const Now& now, std::string_view key) {
  if (!key.ends_with("/card")) return;
  const auto found = ledger_.get(key);
  if (!found || found->author == identity_.id) return;
  // Renewals bring the same card again: no need to look at its signatures.
  if (const Member* known = members_.find(found->author)) {
    const auto same = bus::read_card(found->value);
    if (same && *same == known->card) return members_.heard(now.steady, found->author);
  }
  const Bytes bytes(found->value.begin(), found->value.end());
  const NodeId author = found->author;
  const auto card = cards_.verify(bytes);
  if (!card || card->id() != author || !remember(now.steady, *card)) return;
  const Member* member = members_.find(author);
  if (member != nullptr && member->card == *card) overlay_->renew_card(Peer{author, bytes});
}

void Core::read_revocation(const Now& now, std::string_view key) {
  const auto id = revoked_node(key);
  if (!id) return;
  if (!ledger_.is_revoked(*id)) return let_in_again(now, *id);
  members_.set_state(*id, MemberState::kRevoked);
  clients_.forget(*id);
  shut_out(now, *id, "revoked by the operator");
}

void Core::shut_out(const Now& now, const NodeId& id, std::string why) {
  end_streams(now, id);
  chunk_client_->on_lost(now.steady, id, out_);
  chunk_server_->on_lost(now.steady, id);
  overlay_->expel(now.steady, id, out_);
  out_.add(Expel{id, std::move(why)});
}

void Core::let_in_again(const Now& now, const NodeId& id) {
  // A node comes back by its next hello, a client by what is registered of it.
  members_.pardon(id);
  std::vector<std::string> registrations;
  ledger_.for_each(kClientPrefix, [&](const Found& found) {
    const auto about = parse_client_key(found.key);
    if (about && about->client == id) registrations.emplace_back(found.key);
    return true;
  });
  for (const std::string& key : registrations) read_client_entry(now, key);
}

void Core::read_epoch(const Now& now, std::string_view key) {
  const auto about = parse_epoch_key(key);
  if (!about || about->node != identity_.id || about->epoch <= keys().epoch) return;
  const auto found = ledger_.get(key);
  if (!found) return;
  const Bytes sealed(found->value.begin(), found->value.end());
  if (const Status taken = take_epoch(now, about->epoch, sealed); !taken)
    note(fmt::format("the network's token of epoch {} cannot be taken: {}", about->epoch,
                     taken.error().message));
}

Status Core::take_epoch(const Now& now, std::uint32_t epoch, ByteView sealed) {
  auto token = open_sealed_token(sealed, identity_.curve);
  if (!token) return tl::unexpected(token.error());
  if (token->epoch != epoch || token->operator_key != keys().operator_key)
    return fail(ErrorCode::kMalformed, "it is the token of another epoch or network");
  NetworkKeys next = NetworkKeys::of(*token);
  auto card = seal_card(options_.card, identity_.sign, next);
  if (!card) return tl::unexpected(card.error());
  epochs_.advance(std::move(next));
  card_ = std::move(*card);
  new_token_ = std::move(*token);
  overlay_->set_card(card_);
  out_.add(Rekey{});
  introduce_self(now);
  review_due_ = now.steady + kReviewAfter;
  note(fmt::format("the network's token has changed: epoch {}", epoch));
  // Cards that others made under the new keys may have come before them.
  std::vector<std::string> cards;
  ledger_.for_each("node/", [&](const Found& found) { return cards.emplace_back(found.key), true; });
  for (const std::string& key : cards) read_card(now, key);
  return {};
}

void Core::review_members(const Now& now) {
  review_due_ = kNever;
  std::vector<std::pair<NodeId, std::string>> strangers;
  for (const auto& [id, member] : members_.all()) {
    if (member.state == MemberState::kRevoked) continue;
    if (const Status counts = cards_.still_counts(member.card); !counts)
      strangers.emplace_back(id, counts.error().message);
  }
  for (auto& [id, why] : strangers) {
    members_.forget(id);
    shut_out(now, id, std::move(why));
  }
}

void Core::read_client_entry(const Now& now, std::string_view key) {
  const auto about = parse_client_key(key);
  if (!about) return;
  const auto found = ledger_.get(key);
  if (!found) {
    if (!clients_.remove(*about)) return;
    end_streams(now, about->client);
    return out_.add(Expel{about->client, "the client's registration has ended"});
  }
  if (ledger_.is_revoked(about->client)) return;
  const auto admitted = clients_.add(*about, found->value);
  if (!admitted) {
    note(fmt::format("client {} of node {} is not admitted: {}", about->client.text(), about->member.text(),
                     admitted.error().message));
  } else if (*admitted) {
    out_.add(AdmitClient{about->client, **admitted});
  }
}

}  // namespace zswarm::bus
