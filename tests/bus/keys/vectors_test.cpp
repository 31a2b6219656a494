// The vectors in tests/vectors/bus, which check.py beside them computes from the specification alone.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "bus/keys/card.h"
#include "bus/keys/identity.h"
#include "bus/keys/network_keys.h"
#include "bus/keys/sealed_token.h"
#include "bus/keys/token.h"

namespace zswarm::bus {
namespace {

using Json = nlohmann::json;

Json vectors(const std::string& name) {
  std::ifstream in(std::string(ZSWARM_SOURCE_DIR "/tests/vectors/bus/") + name);
  return Json::parse(in);
}

Bytes bytes_at(const Json& object, const char* key) {
  const std::string text = object.at(key);
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::string hex(ByteView bytes) {
  std::string text;
  char digits[3];
  for (const std::uint8_t byte : bytes) {
    std::snprintf(digits, sizeof digits, "%02x", byte);
    text += digits;
  }
  return text;
}

std::uint64_t number_at(const Json& object, const char* key) {
  return std::stoull(object.at(key).get<std::string>());
}

Secret<32> secret_at(const Json& object, const char* key) {
  return Secret<32>::from(ByteView(bytes_at(object, key)).first<32>());
}

SignPublicKey key_at(const Json& object, const char* key) {
  const Bytes bytes = bytes_at(object, key);
  SignPublicKey read{};
  EXPECT_EQ(bytes.size(), read.size());
  std::copy_n(bytes.begin(), std::min(bytes.size(), read.size()), read.begin());
  return read;
}

NetworkKeys network_of(const Json& cards, std::uint32_t epoch) {
  Token token;
  token.epoch = epoch;
  token.secret = secret_at(cards, "network_secret");
  return NetworkKeys::of(token);
}

TEST(TokenVectors, AreReadAndWritten) {
  const Json all = vectors("tokens.json");
  ASSERT_FALSE(all["valid"].empty());
  for (const Json& vector : all["valid"]) {
    const std::string text = vector["token"];
    const auto token = parse_token(text);
    ASSERT_TRUE(token) << token.error().message;
    EXPECT_EQ(Json(token->epoch), vector["epoch"]);
    EXPECT_EQ(Json(hex(token->secret.view())), vector["secret"]);
    EXPECT_EQ(Json(hex(token->operator_key)), vector["operator_key"]);
    EXPECT_EQ(token->expires_s ? Json(std::to_string(*token->expires_s)) : Json(), vector["expires_s"]);
    Json bootstrap = Json::array();
    for (const Endpoint& endpoint : token->bootstrap) bootstrap.push_back(endpoint.text());
    EXPECT_EQ(bootstrap, vector["bootstrap"]);
    EXPECT_EQ(token->text().reveal(), text);
  }
}

TEST(TokenVectors, ThatAreWrongAreRefused) {
  const Json all = vectors("tokens.json");
  ASSERT_FALSE(all["invalid"].empty());
  for (const Json& vector : all["invalid"]) {
    const auto token = parse_token(vector["token"].get<std::string>());
    ASSERT_FALSE(token) << vector["what"];
    EXPECT_EQ(Json(error_code_name(token.error().code)), vector["error"]) << vector["what"];
  }
}

void expect_curve(const CurveKeyPair& keys, const Json& vector) {
  EXPECT_EQ(Json(hex(keys.public_key)), vector["public"]);
  EXPECT_EQ(Json(hex(keys.secret_key.view())), vector["secret"]);
  EXPECT_EQ(Json(z85_text(keys.public_key)), vector["public_z85"]);
  EXPECT_EQ(Json(z85_text(keys.secret_key).reveal()), vector["secret_z85"]);
  EXPECT_EQ(z85_key(vector["public_z85"].get<std::string>()), keys.public_key);
}

TEST(KeyVectors, OfNetworksAreDerived) {
  const Json all = vectors("keys.json");
  ASSERT_FALSE(all["networks"].empty());
  for (const Json& vector : all["networks"]) {
    Token token;
    token.secret = secret_at(vector, "secret");
    token.operator_key = key_at(vector, "operator_key");
    const auto keys = NetworkKeys::of(token);
    EXPECT_EQ(Json(hex(keys.id.bytes)), vector["network_id"]);
    EXPECT_EQ(Json(keys.id.text()), vector["network"]);
    EXPECT_EQ(Json(hex(keys.beacon_key.view())), vector["beacon_key"]);
    EXPECT_EQ(Json(hex(keys.membership_key.view())), vector["membership_key"]);
    expect_curve(keys.join_server, vector["join_server"]);
    expect_curve(keys.join_client, vector["join_client"]);
  }
}

TEST(KeyVectors, OfNodesAreDerived) {
  const Json all = vectors("keys.json");
  ASSERT_FALSE(all["identities"].empty());
  for (const Json& vector : all["identities"]) {
    const auto identity = Identity::from_seed(secret_at(vector, "seed"), 0);
    EXPECT_EQ(Json(hex(identity.sign.public_key)), vector["sign_key"]);
    EXPECT_EQ(Json(hex(identity.id.bytes)), vector["node_id"]);
    EXPECT_EQ(Json(identity.id.text()), vector["node"]);
    EXPECT_EQ(curve_key_of(identity.sign.public_key), identity.curve.public_key);
    expect_curve(identity.curve, vector["curve"]);
  }
}

TEST(KeyVectors, OfSealedTokensAreOpened) {
  const Json all = vectors("keys.json");
  ASSERT_FALSE(all["sealed_tokens"].empty());
  for (const Json& vector : all["sealed_tokens"]) {
    const auto identity = Identity::from_seed(secret_at(vector, "seed"), 0);
    const auto token = open_sealed_token(bytes_at(vector, "sealed"), identity.curve);
    ASSERT_TRUE(token) << token.error().message;
    EXPECT_EQ(Json(token->text().reveal()), vector["token"]);
  }
}

TEST(KeyVectors, OfSignaturesAndMacsFit) {
  const Json all = vectors("keys.json");
  ASSERT_FALSE(all["signatures"].empty());
  for (const Json& vector : all["signatures"]) {
    const auto keys = SignKeyPair::from_seed(secret_at(vector, "seed"));
    const std::string purpose = vector["purpose"];
    const Bytes bytes = bytes_at(vector, "bytes");
    const Signature signature = sign(keys, purpose, bytes);
    EXPECT_EQ(Json(hex(signature)), vector["signature"]);
    EXPECT_TRUE(signature_fits(keys.public_key, purpose, bytes, signature));
  }
  ASSERT_FALSE(all["macs"].empty());
  for (const Json& vector : all["macs"]) {
    const Hash mac =
        mac_of(secret_at(vector, "key"), vector["purpose"].get<std::string>(), bytes_at(vector, "bytes"));
    EXPECT_EQ(Json(hex(mac)), vector["mac"]);
  }
}

TEST(CardVectors, AreReadAndWritten) {
  const Json all = vectors("cards.json");
  const auto keys = SignKeyPair::from_seed(secret_at(all, "seed"));
  ASSERT_FALSE(all["valid"].empty());
  for (const Json& vector : all["valid"]) {
    const auto network = network_of(all, vector["epoch"]);
    const auto card = verify_card(bytes_at(vector, "card"), {&network, 1});
    ASSERT_TRUE(card) << card.error().message;
    EXPECT_EQ(card->incarnation, number_at(vector, "incarnation"));
    EXPECT_EQ(card->instance, number_at(vector, "instance"));
    EXPECT_EQ(Json(card->name), vector["name"]);
    EXPECT_EQ(Json(card->version), vector["version"]);
    EXPECT_EQ(Json(card->roles), vector["roles"]);
    EXPECT_EQ(Json(card->labels), vector["labels"]);
    Json sockets = Json::array();
    for (const auto& endpoint : card->sockets) sockets.push_back(endpoint ? endpoint->text() : "");
    EXPECT_EQ(sockets, vector["sockets"]);
    EXPECT_EQ(Json(hex(seal_card(*card, keys, network).value())), vector["card"]);
  }
}

TEST(CardVectors, OfALaterVersionAreRead) {
  const Json all = vectors("cards.json"), vector = all["later_version"];
  const auto network = network_of(all, vector["epoch"]);
  const auto card = verify_card(bytes_at(vector, "card"), {&network, 1});
  ASSERT_TRUE(card) << card.error().message;
  EXPECT_EQ(Json(card->socket(Socket::kStage)->text()), vector["stage"]);
}

TEST(CardVectors, ThatAreWrongAreRefused) {
  const Json all = vectors("cards.json");
  ASSERT_FALSE(all["invalid"].empty());
  for (const Json& vector : all["invalid"]) {
    const auto network = network_of(all, vector["epoch"]);
    const auto card = verify_card(bytes_at(vector, "card"), {&network, 1});
    ASSERT_FALSE(card) << vector["what"];
    EXPECT_EQ(Json(error_code_name(card.error().code)), vector["error"]) << vector["what"];
  }
}

}  // namespace
}  // namespace zswarm::bus
