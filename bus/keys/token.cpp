#include "bus/keys/token.h"

#include <algorithm>
#include <ctime>

#include "bus/base/base32.h"

namespace zswarm::bus {
namespace {

constexpr std::string_view kPrefix = "zsw1";
constexpr std::uint8_t kTokenFormat = 1;
constexpr std::uint8_t kHasExpiry = 1;
constexpr std::size_t kChecksumBytes = 4;
constexpr std::uint64_t kMaxExpiry = 253'402'300'799;  // the last second of the year 9999

ByteArray<kChecksumBytes> checksum_of(ByteView payload) {
  Bytes all(kPrefix.begin(), kPrefix.end());
  all.reserve(kPrefix.size() + payload.size());
  all.insert(all.end(), payload.begin(), payload.end());
  const SecretBytes wiped_later(std::move(all));
  const Hash hash = hash_of(wiped_later.reveal());
  return {hash[0], hash[1], hash[2], hash[3]};
}

void append_big_endian(Bytes& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = bytes; i-- > 0;) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

/// Takes fields off the front of a payload; after the first that is missing, everything is zero and ok()
/// false.
class Fields {
 public:
  explicit Fields(ByteView payload) : left_(payload) {}

  ByteView take(std::size_t size) {
    if (size > left_.size()) {
      ok_ = false;
      left_ = {};
      return {};
    }
    const ByteView taken = left_.first(size);
    left_ = left_.subspan(size);
    return taken;
  }
  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : take(size)) value = value << 8 | byte;
    return value;
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return left_.empty(); }

 private:
  ByteView left_;
  bool ok_ = true;
};

tl::unexpected<Error> no_token() {
  return fail(ErrorCode::kMalformed, "this is no token: a token is one word that begins with zsw1.");
}

tl::unexpected<Error> typo() {
  return fail(ErrorCode::kMalformed,
              "the token has a typo or a part of it is missing (its checksum does not fit); copy it again, "
              "whole.");
}

tl::unexpected<Error> newer(std::string_view format) {
  return fail(ErrorCode::kUnsupported, "the token is of a newer format (" + std::string(format) +
                                           ") than this version of zswarm knows; update zswarm.");
}

tl::unexpected<Error> faulty() {
  return fail(ErrorCode::kMalformed,
              "the token was made by a faulty program: its checksum fits, its contents make no sense; make "
              "another one.");
}

Result<Token> read_payload(ByteView payload) {
  Fields fields(payload);
  const auto format = static_cast<std::uint8_t>(fields.number(1));
  if (format > kTokenFormat) return newer(std::to_string(format));
  Token token;
  token.epoch = static_cast<std::uint32_t>(fields.number(4));
  const ByteView secret = fields.take(Secret<32>::size());
  const ByteView operator_key = fields.take(token.operator_key.size());
  const std::uint64_t flags = fields.number(1);
  if (!fields.ok() || format != kTokenFormat || (flags & ~std::uint64_t{kHasExpiry}) != 0) return faulty();
  token.secret = Secret<32>::from(secret.first<Secret<32>::size()>());
  std::copy(operator_key.begin(), operator_key.end(), token.operator_key.begin());
  if (flags != 0) {
    token.expires_s = fields.number(8);
    if (*token.expires_s > kMaxExpiry) return faulty();
  }
  const std::uint64_t count = fields.number(1);
  if (count > kMaxBootstrapEndpoints) return faulty();
  for (std::uint64_t i = 0; i < count; ++i) {
    const ByteView text = fields.take(fields.number(1));
    auto endpoint = parse_endpoint({reinterpret_cast<const char*>(text.data()), text.size()});
    if (!endpoint) return faulty();
    token.bootstrap.push_back(std::move(*endpoint));
  }
  if (!fields.ok() || !fields.at_end()) return faulty();
  return token;
}

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

SecretText Token::text() const {
  ZS_BUS_ASSERT(bootstrap.size() <= kMaxBootstrapEndpoints);
  ZS_BUS_ASSERT(!expires_s || *expires_s <= kMaxExpiry);
  Bytes payload;
  payload.reserve(kMaxTokenBytes);  // so that growing leaves no copy of the secret behind
  payload.push_back(kTokenFormat);
  append_big_endian(payload, epoch, 4);
  payload.insert(payload.end(), secret.view().begin(), secret.view().end());
  payload.insert(payload.end(), operator_key.begin(), operator_key.end());
  payload.push_back(expires_s ? kHasExpiry : 0);
  if (expires_s) append_big_endian(payload, *expires_s, 8);
  payload.push_back(static_cast<std::uint8_t>(bootstrap.size()));
  for (const Endpoint& endpoint : bootstrap) {
    const std::string address = endpoint.text();
    ZS_BUS_ASSERT(address.size() <= kMaxEndpointBytes);
    payload.push_back(static_cast<std::uint8_t>(address.size()));
    payload.insert(payload.end(), address.begin(), address.end());
  }
  const auto checksum = checksum_of(payload);
  payload.insert(payload.end(), checksum.begin(), checksum.end());
  const SecretBytes whole(std::move(payload));
  const SecretText digits(base32_text(whole.reveal()));
  std::string text;
  text.reserve(kPrefix.size() + digits.reveal().size());
  text.append(kPrefix).append(digits.reveal());
  return SecretText(std::move(text));
}

Token Token::copy() const {
  return {epoch, secret.copy(), operator_key, expires_s, bootstrap};
}

Result<Token> parse_token(std::string_view text) {
  if (text.size() > kMaxTokenInputBytes) return no_token();
  std::string squeezed;
  squeezed.reserve(text.size());
  for (const char c : text)
    if (!is_space(c)) squeezed.push_back(lower(c));
  const SecretText owner(std::move(squeezed));
  std::string_view word = owner.reveal();
  if (word.size() < kPrefix.size() || word.substr(0, 3) != kPrefix.substr(0, 3)) return no_token();
  const char version = word[3] == 'l' || word[3] == 'i' ? '1' : word[3];  // as base32 reads them
  if (version >= '2' && version <= '9') return newer(std::string(word.substr(0, 4)));
  if (version != kPrefix[3]) return no_token();
  word.remove_prefix(kPrefix.size());
  if (word.size() > kMaxTokenBytes) return typo();
  auto decoded = base32_bytes(word);
  if (!decoded) return typo();
  const SecretBytes whole(std::move(*decoded));
  const ByteView bytes = whole.reveal();
  if (bytes.size() <= kChecksumBytes) return typo();
  const ByteView payload = bytes.first(bytes.size() - kChecksumBytes);
  if (!equal_in_constant_time(checksum_of(payload), bytes.last(kChecksumBytes))) return typo();
  return read_payload(payload);
}

Status check_expiry(const Token& token, WallTime now) {
  if (!token.expires_s || now.ms < static_cast<std::int64_t>(*token.expires_s) * 1000) return {};
  return fail(ErrorCode::kRefused, "the token expired on " + utc_text(*token.expires_s) +
                                       "; ask whoever made the network for a new one.");
}

std::string utc_text(std::uint64_t seconds) {
  const auto time = static_cast<std::time_t>(std::min(seconds, kMaxExpiry));
  std::tm parts{};
  char text[32];
  gmtime_r(&time, &parts);
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

}  // namespace zswarm::bus
