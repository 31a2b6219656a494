#include "bus/keys/card.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bus/wire/pack.h"

namespace zswarm::bus {
namespace {

using ::testing::HasSubstr;

SignKeyPair keys_of(std::string_view name) {
  return SignKeyPair::from_seed(Secret<32>::from(hash_of(bytes_of(name))));
}

NetworkKeys network_of(std::string_view name, std::uint32_t epoch = 1) {
  Token token;
  token.epoch = epoch;
  token.secret = Secret<32>::from(hash_of(bytes_of(name)));
  return NetworkKeys::of(token);
}

Card some_card() {
  Card card;
  card.incarnation = 5u << 20;
  card.instance = 0xfedcba9876543210;
  card.name = "kitchen";
  card.version = "0.1.0";
  card.roles = {"worker", "gateway"};
  card.labels = {{"zone", "cellar"}, {"note", "größer"}};
  card.socket(Socket::kJoin) = parse_endpoint("192.0.2.7:7000").value();
  card.socket(Socket::kControl) = parse_endpoint("[2001:db8::7]:7002").value();
  return card;
}

/// Why a card is not taken; nothing if it is.
std::optional<ErrorCode> refusal(ByteView bytes, const NetworkKeys& network) {
  const auto card = verify_card(bytes, {&network, 1});
  return card ? std::nullopt : std::optional(card.error().code);
}

/// A card of any body, signed and MACed as it should be.
Bytes sealed_body(const Bytes& body, const SignKeyPair& keys, const NetworkKeys& network) {
  const Signature signature = sign(keys, "zswarm card", body);
  Bytes covered = body;
  covered.insert(covered.end(), signature.begin(), signature.end());
  return Writer(3)
      .bin(body)
      .bin(signature)
      .bin(mac_of(network.membership_key, "zswarm card mac", covered))
      .take();
}

TEST(Card, ComesBackFromItsBytes) {
  const auto keys = keys_of("node");
  const auto network = network_of("home", 7);
  const auto bytes = seal_card(some_card(), keys, network);
  ASSERT_TRUE(bytes);
  const auto card = verify_card(*bytes, {&network, 1});
  ASSERT_TRUE(card) << card.error().message;
  Card expected = some_card();
  expected.epoch = 7;
  expected.sign_key = keys.public_key;
  expected.curve_key = CurveKeyPair::from_seed(Secret<32>::from(hash_of(bytes_of("node")))).public_key;
  EXPECT_EQ(*card, expected);
  EXPECT_EQ(card->id(), node_id_of(keys.public_key));
  EXPECT_EQ(*read_card(*bytes), expected);
}

RC_GTEST_PROP(Card, WithAnyFieldsIsSealedOrRefusedAndReadBack,
              (const std::string& name, std::uint64_t incarnation, std::uint64_t instance,
               const std::vector<std::string>& roles,
               const std::vector<std::pair<std::string, std::string>>& labels)) {
  Card card = some_card();
  card.name = name;
  card.incarnation = incarnation;
  card.instance = instance;
  card.roles = roles;
  card.labels = labels;
  const auto network = network_of("home");
  const auto bytes = seal_card(card, keys_of("node"), network);
  if (!bytes) return;
  RC_ASSERT(bytes->size() <= kMaxCardBytes);
  const auto read = verify_card(*bytes, {&network, 1});
  RC_ASSERT(read.has_value());
  RC_ASSERT(read->name == name && read->roles == roles && read->labels == labels);
  RC_ASSERT(read->incarnation == incarnation && read->instance == instance);
}

TEST(Card, IsRefusedOnceAnyBitOfItChanges) {
  const auto network = network_of("home");
  const Bytes good = seal_card(some_card(), keys_of("node"), network).value();
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bytes = good;
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    ASSERT_TRUE(refusal(bytes, network)) << bit;
  }
  for (std::size_t size = 0; size < good.size(); ++size)
    ASSERT_TRUE(refusal(ByteView(good).first(size), network)) << size;
}

TEST(Card, NeedsTheTokenOfAnAcceptedEpoch) {
  const Bytes bytes = seal_card(some_card(), keys_of("node"), network_of("home", 2)).value();
  EXPECT_EQ(refusal(bytes, network_of("elsewhere", 2)), ErrorCode::kRefused);
  EXPECT_EQ(refusal(bytes, network_of("home", 3)), ErrorCode::kRefused);
  std::vector<NetworkKeys> epochs;
  EXPECT_FALSE(verify_card(bytes, epochs));
  epochs.push_back(network_of("next", 3));
  epochs.push_back(network_of("home", 2));
  EXPECT_TRUE(verify_card(bytes, epochs));
}

TEST(Card, CannotBeMadeForAnotherNode) {
  // A member, who has the token, signs with its own key what claims to be the node's.
  const auto network = network_of("home");
  const Card card = read_card(seal_card(some_card(), keys_of("node"), network).value()).value();
  Writer body(11);
  body.uint(1).uint(card.epoch).bin(card.sign_key).bin(card.curve_key).uint(1).uint(2).text("").text("");
  body.array(0).array(0).array(5).text("").text("").text("").text("").text("");
  const Bytes bytes = body.take();
  EXPECT_FALSE(refusal(sealed_body(bytes, keys_of("node"), network), network));
  const auto forged = verify_card(sealed_body(bytes, keys_of("member"), network), {&network, 1});
  ASSERT_FALSE(forged);
  EXPECT_THAT(forged.error().message, HasSubstr("not signed"));
}

TEST(Card, CannotClaimTheCurveKeyOfAnotherNode) {
  const auto network = network_of("home");
  const auto member = keys_of("member");
  Writer body(11);
  body.uint(1).uint(1).bin(member.public_key).bin(*curve_key_of(keys_of("node").public_key));
  body.uint(1).uint(2).text("").text("").array(0).array(0);
  body.array(5).text("").text("").text("").text("").text("");
  const auto card = verify_card(sealed_body(body.take(), member, network), {&network, 1});
  ASSERT_FALSE(card);
  EXPECT_THAT(card.error().message, HasSubstr("CURVE key"));
}

TEST(Card, PassesOverWhatALaterVersionAdds) {
  const auto network = network_of("home");
  const auto keys = keys_of("node");
  Writer body(12);
  body.uint(1).uint(1).bin(keys.public_key).bin(*curve_key_of(keys.public_key));
  body.uint(1).uint(2).text("").text("").array(0).array(0);
  body.array(6).text("").text("").text("").text("").text("[::1]:5").text("a sixth socket");
  body.text("more");
  const auto card = verify_card(sealed_body(body.take(), keys, network), {&network, 1});
  ASSERT_TRUE(card) << card.error().message;
  EXPECT_EQ(card->socket(Socket::kStage)->port, 5);
}

TEST(Card, OfANewerFormatIsToldApart) {
  const auto network = network_of("home");
  const Bytes bytes = sealed_body(Writer(1).uint(2).take(), keys_of("node"), network);
  EXPECT_EQ(refusal(bytes, network), ErrorCode::kUnsupported);
  EXPECT_EQ(refusal(sealed_body(Writer(1).uint(0).take(), keys_of("node"), network), network),
            ErrorCode::kMalformed);
}

TEST(Card, HasOneFormOnTheWire) {
  const auto network = network_of("home");
  const Bytes good = seal_card(some_card(), keys_of("node"), network).value();
  Bytes longer{0xdc, 0, 3};  // an array of three in its longer form
  longer.insert(longer.end(), good.begin() + 1, good.end());
  EXPECT_EQ(refusal(longer, network), ErrorCode::kMalformed);
  Bytes more = good;
  more[0] = 0x94;
  more.push_back(0);
  EXPECT_EQ(refusal(more, network), ErrorCode::kMalformed);
}

/// Why a card with this change is not made; nothing if it is.
template <class Change>
std::optional<ErrorCode> not_sealed(Change change) {
  Card card = some_card();
  change(card);
  const auto bytes = seal_card(card, keys_of("node"), network_of("home"));
  return bytes ? std::nullopt : std::optional(bytes.error().code);
}

TEST(Card, KeepsItsLimits) {
  EXPECT_FALSE(not_sealed([](Card& c) { c.name.assign(kMaxNameBytes, 'n'); }));
  EXPECT_TRUE(not_sealed([](Card& c) { c.name.assign(kMaxNameBytes + 1, 'n'); }));
  EXPECT_TRUE(not_sealed([](Card& c) { c.name = "\x1b[31m"; }));
  EXPECT_TRUE(not_sealed([](Card& c) { c.name = "\xff"; }));
  EXPECT_TRUE(not_sealed([](Card& c) { c.version.assign(kMaxVersionBytes + 1, '1'); }));
  EXPECT_TRUE(not_sealed([](Card& c) { c.roles.assign(kMaxRoles + 1, "worker"); }));
  EXPECT_TRUE(not_sealed([](Card& c) { c.roles = {"Worker"}; }));
  EXPECT_TRUE(not_sealed([](Card& c) { c.labels = {{"", "value"}}; }));
  EXPECT_TRUE(not_sealed([](Card& c) { c.labels = {{"twice", "1"}, {"twice", "2"}}; }));
  EXPECT_TRUE(not_sealed([](Card& c) { c.labels = {{"key", std::string(kMaxLabelValueBytes + 1, 'v')}}; }));
  const auto full = [](Card& c) {
    c.labels.clear();
    for (std::size_t i = 0; i < kMaxLabels; ++i)
      c.labels.emplace_back("key-" + std::to_string(i), std::string(kMaxLabelValueBytes, 'v'));
  };
  EXPECT_EQ(not_sealed(full), ErrorCode::kTooLarge);
  EXPECT_EQ(refusal(Bytes(kMaxCardBytes + 1), network_of("home")), ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace zswarm::bus
