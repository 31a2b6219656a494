#include "bus/ledger/rules.h"

namespace zswarm::bus {
namespace {

constexpr std::size_t kEpochBytes = 8;

/// Takes the first part off the key.
std::string_view take_part(std::string_view& key) {
  const std::size_t slash = key.find('/');
  const std::string_view part = key.substr(0, slash);
  key = slash == std::string_view::npos ? std::string_view() : key.substr(slash + 1);
  return part;
}

Status check_placement(const Entry& entry, std::string_view rest) {
  if (rest.empty() || rest.find('/') != std::string_view::npos)
    return fail(ErrorCode::kRefused, "keys of placements are placement/<model>");
  if (entry.erased)
    return fail(ErrorCode::kRefused, "a placement is not erased: write an epoch without stages");
  const std::uint64_t epoch = epoch_of(entry.key, entry.value);
  if (epoch == 0 || epoch > entry.stamp.packed)
    return fail(ErrorCode::kRefused, "a placement begins with its epoch, above 0 and at most its stamp");
  return {};
}

Status owned_by(std::string_view id, const NodeId& author) {
  if (id == author.text()) return {};
  return fail(ErrorCode::kRefused, "a node wrote a key of the ledger that belongs to another one");
}

}  // namespace

Status check_right(const Entry& entry, const NodeId& author, const SignPublicKey& operator_key) {
  std::string_view rest = entry.key;
  const std::string_view first = take_part(rest);
  if (first == "network") {
    if (entry.author != operator_key)
      return fail(ErrorCode::kRefused, "only the operator writes keys of the ledger below network/");
    if (entry.key.starts_with("network/revoked/") && !revoked_node(entry.key))
      return fail(ErrorCode::kRefused, "keys of revocations are network/revoked/<node>");
    return {};
  }
  if (first == "placement") return check_placement(entry, rest);
  if (first == "model") (void)take_part(rest);  // the hash
  const std::string_view owner = take_part(rest);
  if (rest.empty() && first != "model")
    return fail(ErrorCode::kRefused, "keys of the ledger below a node's id name something of that node");
  return owned_by(owner, author);
}

bool is_permanent(std::string_view key) {
  return key.starts_with("network/");
}

std::optional<NodeId> revoked_node(std::string_view key) {
  constexpr std::string_view prefix = "network/revoked/";
  if (!key.starts_with(prefix)) return std::nullopt;
  const auto id = NodeId::parse(key.substr(prefix.size()));
  return id && id->text() == key.substr(prefix.size()) ? id : std::nullopt;
}

std::uint64_t epoch_of(std::string_view key, ByteView value) {
  if (!key.starts_with("placement/") || value.size() < kEpochBytes) return 0;
  std::uint64_t epoch = 0;
  for (std::size_t i = 0; i < kEpochBytes; ++i) epoch = epoch << 8 | value[i];
  return epoch;
}

}  // namespace zswarm::bus
