#include "bus/keys/card.h"

#include <algorithm>

#include "bus/base/text.h"
#include "bus/wire/pack.h"

namespace zswarm::bus {
namespace {

constexpr std::uint64_t kCardFormat = 1;
constexpr std::uint32_t kBodyElements = 11;
constexpr std::string_view kSignPurpose = "zswarm card";
constexpr std::string_view kMacPurpose = "zswarm card mac";
constexpr PackLimits kPackLimits{.elements = 64, .depth = 4, .bytes = kMaxCardBytes};
constexpr std::size_t kMaxSockets = 16;  // of later versions; the first five are read

/// The three parts of a card, not trusted.
struct Parts {
  Bytes body;
  Signature signature;
  Hash mac;
};

tl::unexpected<Error> malformed(const std::string& what) {
  return fail(ErrorCode::kMalformed, "a card is malformed: " + what + ".");
}

Bytes packed(const Parts& parts) {
  return Writer(3).bin(parts.body).bin(parts.signature).bin(parts.mac).take();
}

/// Only the shortest msgpack of the three is taken, so that nobody can make other bytes of a valid card.
Result<Parts> read_parts(ByteView bytes) {
  if (bytes.size() > kMaxCardBytes)
    return fail(ErrorCode::kTooLarge, "a card is larger than " + std::to_string(kMaxCardBytes) + " bytes.");
  Reader reader = Reader::of_bytes(bytes, kPackLimits);
  const ByteView body = reader.bin(kMaxCardBytes);
  Parts parts;
  parts.body.assign(body.begin(), body.end());
  parts.signature = reader.fixed<64>();
  parts.mac = reader.fixed<32>();
  if (!reader.ok() || packed(parts) != Bytes(bytes.begin(), bytes.end()))
    return malformed("it is not a body, a signature and a MAC");
  return parts;
}

/// What the limits in card.h say of fields that are texts.
Status check_texts(const Card& card) {
  if (card.name.size() > kMaxNameBytes || !is_plain_text(card.name)) return malformed("its name");
  if (card.version.size() > kMaxVersionBytes || !is_plain_text(card.version)) return malformed("its version");
  if (card.roles.size() > kMaxRoles) return malformed("too many roles");
  for (const std::string& role : card.roles)
    if (role.size() > kMaxRoleBytes || !is_plain_word(role)) return malformed("a role");
  if (card.labels.size() > kMaxLabels) return malformed("too many labels");
  for (auto label = card.labels.begin(); label != card.labels.end(); ++label) {
    const auto same = [&](const auto& other) { return other.first == label->first; };
    if (label->first.size() > kMaxLabelKeyBytes || !is_plain_word(label->first) ||
        std::any_of(card.labels.begin(), label, same)) {
      return malformed("a label");
    }
    if (label->second.size() > kMaxLabelValueBytes || !is_plain_text(label->second))
      return malformed("the value of a label");
  }
  return {};
}

Bytes packed_body(const Card& card) {
  Writer writer(kBodyElements);
  writer.uint(kCardFormat).uint(card.epoch).bin(card.sign_key).bin(card.curve_key);
  writer.uint(card.incarnation).uint(card.instance).text(card.name).text(card.version);
  writer.array(static_cast<std::uint32_t>(card.roles.size()));
  for (const std::string& role : card.roles) writer.text(role);
  writer.array(static_cast<std::uint32_t>(card.labels.size()));
  for (const auto& [key, value] : card.labels) writer.array(2).text(key).text(value);
  writer.array(kSocketCount);
  for (const auto& endpoint : card.sockets) writer.text(endpoint ? endpoint->text() : "");
  return writer.take();
}

/// Empty text: none. Only the text that Endpoint::text() would write is taken, so that a card has one
/// meaning.
bool read_endpoint(std::string_view text, std::optional<Endpoint>& endpoint) {
  if (text.empty()) return true;
  auto parsed = parse_endpoint(text);
  if (!parsed || parsed->text() != text) return false;
  endpoint = std::move(*parsed);
  return true;
}

Result<Card> read_body(const Bytes& body) {
  Reader reader = Reader::of_bytes(body, kPackLimits);
  const std::uint64_t format = reader.uint();
  if (reader.ok() && format > kCardFormat) {
    return fail(ErrorCode::kUnsupported, "a card is of format " + std::to_string(format) +
                                             ", which this version of zswarm does not know.");
  }
  if (format != kCardFormat) return malformed("its format");
  Card card;
  card.epoch = static_cast<std::uint32_t>(reader.uint(UINT32_MAX));
  card.sign_key = reader.fixed<32>();
  card.curve_key = reader.fixed<32>();
  card.incarnation = reader.uint();
  card.instance = reader.uint();
  card.name = reader.text(kMaxNameBytes);
  card.version = reader.text(kMaxVersionBytes);
  Reader roles = reader.array(kMaxRoles);
  while (roles.left() > 0) card.roles.emplace_back(roles.text(kMaxRoleBytes));
  Reader labels = reader.array(kMaxLabels);
  while (labels.left() > 0) {
    Reader label = labels.array(2);
    std::string key(label.text(kMaxLabelKeyBytes));
    card.labels.emplace_back(std::move(key), label.text(kMaxLabelValueBytes));
  }
  Reader sockets = reader.array(kMaxSockets);
  bool endpoints_fit = true;
  for (auto& endpoint : card.sockets)
    endpoints_fit = read_endpoint(sockets.text(kMaxEndpointBytes), endpoint) && endpoints_fit;
  if (!reader.ok()) return malformed("a field is missing, of another type or over its limit");
  if (!endpoints_fit) return malformed("an address");
  if (auto checked = check_texts(card); !checked) return tl::unexpected(checked.error());
  return card;
}

Hash mac_of_parts(const Parts& parts, const NetworkKeys& network) {
  Bytes covered = parts.body;
  covered.insert(covered.end(), parts.signature.begin(), parts.signature.end());
  return mac_of(network.membership_key, kMacPurpose, covered);
}

}  // namespace

std::string_view socket_name(Socket socket) {
  constexpr std::string_view kNames[kSocketCount] = {"join", "gossip", "control", "dispatch", "stage"};
  return kNames[static_cast<std::size_t>(socket)];
}

Result<Bytes> seal_card(Card card, const SignKeyPair& keys, const NetworkKeys& network) {
  card.epoch = network.epoch;
  card.sign_key = keys.public_key;
  const auto curve_key = curve_key_of(keys.public_key);
  ZS_BUS_ASSERT(curve_key.has_value());
  card.curve_key = *curve_key;
  if (auto checked = check_texts(card); !checked) return tl::unexpected(checked.error());
  Parts parts;
  parts.body = packed_body(card);
  parts.signature = sign(keys, kSignPurpose, parts.body);
  parts.mac = mac_of_parts(parts, network);
  Bytes bytes = packed(parts);
  if (bytes.size() > kMaxCardBytes) {
    return fail(ErrorCode::kTooLarge, "name, labels and addresses of this node fill " +
                                          std::to_string(bytes.size()) + " bytes, a card takes " +
                                          std::to_string(kMaxCardBytes) + "; use fewer labels.");
  }
  return bytes;
}

Result<Card> read_card(ByteView bytes) {
  const auto parts = read_parts(bytes);
  if (!parts) return tl::unexpected(parts.error());
  return read_body(parts->body);
}

Result<Card> verify_card(ByteView bytes, std::span<const NetworkKeys> epochs) {
  const auto parts = read_parts(bytes);
  if (!parts) return tl::unexpected(parts.error());
  auto card = read_body(parts->body);
  if (!card) return card;
  const std::string node = "the card of node " + card->id().text();
  const auto network = std::find_if(epochs.begin(), epochs.end(),
                                    [&](const NetworkKeys& n) { return n.epoch == card->epoch; });
  if (network == epochs.end()) {
    return fail(ErrorCode::kRefused, node + " is of epoch " + std::to_string(card->epoch) +
                                         " of the token, which is not accepted here.");
  }
  // The MAC comes first: it costs a stranger's card the least.
  if (!equal_in_constant_time(mac_of_parts(*parts, *network), parts->mac))
    return fail(ErrorCode::kRefused, node + " was not made with this network's token.");
  if (!signature_fits(card->sign_key, kSignPurpose, parts->body, parts->signature))
    return fail(ErrorCode::kRefused, node + " is not signed by that node.");
  if (curve_key_of(card->sign_key) != card->curve_key)
    return fail(ErrorCode::kRefused, node + " shows a CURVE key that is not its own.");
  return card;
}

}  // namespace zswarm::bus
