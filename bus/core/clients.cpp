#include "bus/core/clients.h"

#include <algorithm>

#include "bus/base/text.h"
#include "bus/keys/sign.h"
#include "bus/wire/pack.h"

namespace zswarm::bus {
namespace {

constexpr std::uint64_t kFormat = 1;
constexpr PackLimits kPackLimits{.elements = 16, .depth = 2, .bytes = 256};

}  // namespace

NodeId client_id_of(const CurvePublicKey& key) {
  const Hash hash = hash_of(key);
  NodeId id;
  std::copy_n(hash.begin(), id.bytes.size(), id.bytes.begin());
  return id;
}

std::string client_key(const NodeId& member, const NodeId& client) {
  return std::string(kClientPrefix) + member.text() + "/" + client.text();
}

std::optional<ClientKey> parse_client_key(std::string_view key) {
  if (!key.starts_with(kClientPrefix)) return std::nullopt;
  const std::string_view rest = key.substr(kClientPrefix.size());
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto member = NodeId::parse(rest.substr(0, slash)), client = NodeId::parse(rest.substr(slash + 1));
  if (!member || !client || client_key(*member, *client) != key) return std::nullopt;
  return ClientKey{*member, *client};
}

Bytes write_client(const ClientEntry& client) {
  return Writer(3).uint(kFormat).bin(client.key).text(client.name).take();
}

Result<ClientEntry> read_client(ByteView value) {
  Reader reader = Reader::of_bytes(value, kPackLimits);
  const std::uint64_t format = reader.uint();
  if (reader.ok() && format > kFormat)
    return fail(ErrorCode::kUnsupported, "a client is registered in a newer format");
  ClientEntry client;
  client.key = reader.fixed<32>();
  client.name = reader.text(kMaxClientNameBytes);
  if (!reader.ok() || format != kFormat || !is_plain_text(client.name))
    return fail(ErrorCode::kMalformed, "a client's registration cannot be read");
  return client;
}

Result<std::optional<CurvePublicKey>> Clients::add(const ClientKey& about, ByteView value) {
  auto entry = read_client(value);
  if (!entry) return tl::unexpected(entry.error());
  if (client_id_of(entry->key) != about.client)
    return fail(ErrorCode::kRefused, "a client is registered under an id that is not its key's");
  const auto known = clients_.find(about.client);
  if (known != clients_.end() && known->second.registered_by.contains(about.member)) return std::nullopt;
  if (registrations_ >= limits_.clients || registered_by(about.member) >= limits_.clients_of_node)
    return fail(ErrorCode::kBusy, "more clients are registered than this node admits");
  count(about.member, true);
  if (known != clients_.end()) {
    known->second.registered_by.insert(about.member);
    return std::nullopt;
  }
  clients_[about.client] = {entry->key, std::move(entry->name), {about.member}};
  return entry->key;
}

bool Clients::remove(const ClientKey& about) {
  const auto known = clients_.find(about.client);
  if (known == clients_.end() || known->second.registered_by.erase(about.member) == 0) return false;
  count(about.member, false);
  if (!known->second.registered_by.empty()) return false;
  clients_.erase(known);
  return true;
}

bool Clients::forget(const NodeId& client) {
  const auto known = clients_.find(client);
  if (known == clients_.end()) return false;
  for (const NodeId& member : known->second.registered_by) count(member, false);
  clients_.erase(known);
  return true;
}

std::size_t Clients::registered_by(const NodeId& member) const {
  const auto counted = by_member_.find(member);
  return counted == by_member_.end() ? 0 : counted->second;
}

void Clients::count(const NodeId& member, bool more) {
  std::size_t& counted = by_member_[member];
  more ? ++counted : --counted;
  more ? ++registrations_ : --registrations_;
  if (counted == 0) by_member_.erase(member);
}

}  // namespace zswarm::bus
