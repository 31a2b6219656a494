#include "bus/keys/token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bus/base/base32.h"

namespace zswarm::bus {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Token some_token() {
  Token token;
  token.epoch = 3;
  token.secret = Secret<32>::from(hash_of(bytes_of("a secret for tests")));
  token.operator_key = SignKeyPair::from_seed(Secret<32>::from(hash_of(bytes_of("an operator")))).public_key;
  token.expires_s = 1'900'000'000;
  token.bootstrap = {*parse_endpoint("192.0.2.7:7000"), *parse_endpoint("[2001:db8::7]:7000")};
  return token;
}

std::string text_of(const Token& token) {
  return token.text().reveal();
}

/// The text of any payload, with the right checksum.
std::string text_of_payload(const Bytes& payload) {
  Bytes summed(4 + payload.size());
  std::copy_n("zsw1", 4, summed.begin());
  std::copy(payload.begin(), payload.end(), summed.begin() + 4);
  const Hash hash = hash_of(summed);
  Bytes whole = payload;
  whole.insert(whole.end(), hash.begin(), hash.begin() + 4);
  return "zsw1" + base32_text(whole);
}

Bytes payload_of(const Token& token) {
  const Bytes whole = *base32_bytes(text_of(token).substr(4));
  return {whole.begin(), whole.end() - 4};
}

ErrorCode code_of(std::string_view text) {
  const auto token = parse_token(text);
  EXPECT_FALSE(token);
  return token ? ErrorCode{} : token.error().code;
}

RC_GTEST_PROP(Token, GivesBackWhatIsInIt,
              (std::uint32_t epoch, const ByteArray<32>& secret, const ByteArray<32>& operator_key)) {
  Token token;
  token.epoch = epoch;
  token.secret = Secret<32>::from(secret);
  token.operator_key = operator_key;
  if (*rc::gen::arbitrary<bool>()) token.expires_s = *rc::gen::inRange<std::uint64_t>(0, 253'402'300'800);
  const auto ports =
      *rc::gen::container<std::vector<std::uint16_t>>(rc::gen::inRange<std::uint16_t>(1, 65535));
  for (std::size_t i = 0; i < std::min(ports.size(), kMaxBootstrapEndpoints); ++i)
    token.bootstrap.push_back({"host-" + std::to_string(i) + ".example.org", ports[i]});
  const auto read = parse_token(text_of(token));
  RC_ASSERT(read.has_value());
  RC_ASSERT(read->epoch == token.epoch && read->secret == token.secret);
  RC_ASSERT(read->operator_key == token.operator_key && read->expires_s == token.expires_s);
  RC_ASSERT(read->bootstrap == token.bootstrap);
}

TEST(Token, HoldsTheLongestAddressesThatAreAllowed) {
  Token token = some_token();
  const std::string label(63, 'a');
  const Endpoint longest{label + "." + label + "." + label + "." + std::string(57, 'a'), 65535};
  ASSERT_EQ(longest.text().size(), kMaxEndpointBytes);
  token.bootstrap.assign(kMaxBootstrapEndpoints, longest);
  EXPECT_LE(text_of(token).size(), kMaxTokenBytes);
  EXPECT_EQ(parse_token(text_of(token))->bootstrap, token.bootstrap);
}

TEST(Token, ForgivesWhatCopyingDoesToIt) {
  const std::string text = text_of(some_token());
  std::string capitals, wrapped;
  for (const char c : text) capitals += static_cast<char>(std::toupper(c));
  for (std::size_t i = 0; i < text.size(); i += 20) wrapped += text.substr(i, 20) + "\r\n  ";
  std::string read_aloud = text;  // l for 1, o for 0
  for (char& c : read_aloud) c = c == '1' ? 'l' : c == '0' ? 'o' : c;
  for (const std::string& copied : {capitals, wrapped, " \t" + text + "\n", read_aloud}) {
    const auto token = parse_token(copied);
    ASSERT_TRUE(token) << copied;
    EXPECT_TRUE(token->secret == some_token().secret);
  }
}

TEST(Token, NoticesEveryCharacterThatIsMistyped) {
  const std::string text = text_of(some_token());
  for (std::size_t i = 4; i < text.size(); ++i) {
    for (const char c : std::string_view("0123456789abcdefghjkmnpqrstvwxyzuU-_.!\x7f\xc3")) {
      if (c == text[i]) continue;
      std::string typo = text;
      typo[i] = c;
      const auto token = parse_token(typo);
      ASSERT_FALSE(token) << i << c;
      ASSERT_THAT(token.error().message, HasSubstr("typo"));
    }
  }
}

TEST(Token, NoticesNeighboursThatSwapped) {
  const std::string text = text_of(some_token());
  for (std::size_t i = 4; i + 1 < text.size(); ++i) {
    if (text[i] == text[i + 1]) continue;
    std::string typo = text;
    std::swap(typo[i], typo[i + 1]);
    ASSERT_EQ(code_of(typo), ErrorCode::kMalformed) << i;
  }
}

TEST(Token, NoticesACharacterTooManyOrTooFew) {
  const std::string text = text_of(some_token());
  for (std::size_t i = 4; i < text.size(); ++i) {
    EXPECT_EQ(code_of(text.substr(0, i) + text.substr(i + 1)), ErrorCode::kMalformed) << i;
    EXPECT_EQ(code_of(text.substr(0, i) + text[i] + text.substr(i)), ErrorCode::kMalformed) << i;
    EXPECT_EQ(code_of(text.substr(0, i)), ErrorCode::kMalformed) << i;
  }
  EXPECT_EQ(code_of(text + text), ErrorCode::kMalformed);
}

TEST(Token, TellsOtherTextsFromATypo) {
  for (const std::string& text :
       {std::string(), std::string("zsw"), std::string("hello"), std::string("zsx1abc"),
        "x" + text_of(some_token()), std::string(kMaxTokenInputBytes + 1, 'z'),
        std::string("zswx") + std::string(100, '0')}) {
    const auto token = parse_token(text);
    ASSERT_FALSE(token);
    EXPECT_THAT(token.error().message, HasSubstr("no token"));
  }
}

TEST(Token, OfANewerFormatIsToldApart) {
  Bytes payload = payload_of(some_token());
  payload[0] = 2;
  EXPECT_EQ(code_of(text_of_payload(payload)), ErrorCode::kUnsupported);
  EXPECT_EQ(code_of(text_of_payload({2})), ErrorCode::kUnsupported);
  EXPECT_EQ(code_of("zsw2" + text_of(some_token()).substr(4)), ErrorCode::kUnsupported);
}

TEST(Token, WithContentsThatMakeNoSenseIsRefused) {
  const Bytes good = payload_of(some_token());
  ASSERT_TRUE(parse_token(text_of_payload(good)));
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_EQ(code_of(text_of_payload(Bytes(good.begin(), good.begin() + size))), ErrorCode::kMalformed)
        << size;
  constexpr std::size_t kFlags = 69, kExpiry = 70, kCount = 78, kLength = 79;
  const auto changed = [&](std::size_t at, std::uint8_t value) {
    Bytes payload = good;
    payload[at] = value;
    return text_of_payload(payload);
  };
  EXPECT_EQ(code_of(changed(0, 0)), ErrorCode::kMalformed);
  EXPECT_EQ(code_of(changed(kFlags, 3)), ErrorCode::kMalformed);
  EXPECT_EQ(code_of(changed(kExpiry, 0xff)), ErrorCode::kMalformed);
  EXPECT_EQ(code_of(changed(kCount, 1)), ErrorCode::kMalformed);  // bytes are left over
  EXPECT_EQ(code_of(changed(kCount, kMaxBootstrapEndpoints + 1)), ErrorCode::kMalformed);
  EXPECT_EQ(code_of(changed(kLength, 0xff)), ErrorCode::kMalformed);
  EXPECT_EQ(code_of(changed(kLength + 1, '/')), ErrorCode::kMalformed);
}

TEST(Token, ExpiresOnTheSecond) {
  const Token token = some_token();
  EXPECT_TRUE(check_expiry(token, {1'899'999'999'999}));
  const auto expired = check_expiry(token, {1'900'000'000'000});
  ASSERT_FALSE(expired);
  EXPECT_EQ(expired.error().code, ErrorCode::kRefused);
  EXPECT_THAT(expired.error().message, HasSubstr("2030-03-17 17:46:40 UTC"));
  Token forever = some_token();
  forever.expires_s.reset();
  EXPECT_TRUE(check_expiry(forever, {INT64_MAX}));
}

TEST(Token, IsNeverRepeatedInAMessage) {
  const std::string text = text_of(some_token());
  for (const std::string& wrong : {text.substr(0, 60), text + "x", "zsw2" + text.substr(4), "y" + text}) {
    const auto token = parse_token(wrong);
    ASSERT_FALSE(token);
    for (std::size_t i = 4; i + 8 < text.size(); ++i)
      ASSERT_THAT(token.error().message, Not(HasSubstr(text.substr(i, 8))));
  }
}

}  // namespace
}  // namespace zswarm::bus
