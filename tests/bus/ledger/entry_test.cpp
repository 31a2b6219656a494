#include "bus/ledger/entry.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bus/wire/pack.h"
#include "tests/bus/ledger/ledger_fixture.h"

namespace zswarm::bus {
namespace {

using test::bytes_from;
using test::node_key;
using test::signed_entry;

RC_GTEST_PROP(Entry, ComesBackFromItsBytes,
              (std::uint32_t cell, const Bytes& value, bool erased, std::uint64_t stamp)) {
  Entry entry;
  entry.cell = cell;
  entry.key = node_key(1, "x");
  if (!erased) entry.value = value;
  entry.erased = erased;
  entry.stamp = {stamp & Hlc::kMax};
  sign_entry(entry, test::signer(1), bytes_from("net"));
  const auto decoded = decode_entry(encode_entry(entry));
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(*decoded == entry);
  RC_ASSERT(is_signed_by_author(*decoded, signed_bytes(*decoded, bytes_from("net"))));
}

TEST(Entry, IsNoLongerSignedWhenAnyBitOfItChanges) {
  const Bytes whole = encode_entry(signed_entry(1, node_key(1, "x"), 0, bytes_from("value")));
  const Bytes network = test::options().network;
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes changed = whole;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    const auto decoded = decode_entry(changed);
    EXPECT_FALSE(decoded && is_signed_by_author(*decoded, signed_bytes(*decoded, network))) << bit;
  }
}

TEST(Entry, IsSignedForOneNetwork) {
  const Entry entry = signed_entry(1, node_key(1, "x"), 0, {});
  EXPECT_TRUE(is_signed_by_author(entry, signed_bytes(entry, bytes_from("net"))));
  EXPECT_FALSE(is_signed_by_author(entry, signed_bytes(entry, bytes_from("other"))));
}

TEST(Entry, HasOneHashHoweverOftenItIsSigned) {
  Entry entry = signed_entry(1, node_key(1, "x"), 0, {});
  const Hash hash = hash_of(signed_bytes(entry, bytes_from("net")));
  entry.signature[0] ^= 1;
  EXPECT_EQ(hash_of(signed_bytes(entry, bytes_from("net"))), hash);
}

TEST(Entry, KeysArePartsOfPrintableAscii) {
  EXPECT_TRUE(check_key("a/b"));
  EXPECT_TRUE(check_key("model/sha256:00ff/~._-"));
  EXPECT_TRUE(check_key("a/" + std::string(kMaxKeyBytes - 2, 'b')));
  for (const char* key : {"", "a", "/", "/a", "a/", "a//b", "a/ b", "a/\n", "a/b\x7f", "a/\xc3\xa9"})
    EXPECT_FALSE(check_key(key)) << key;
  EXPECT_EQ(check_key("a/" + std::string(kMaxKeyBytes - 1, 'b')).error().code, ErrorCode::kTooLarge);
}

Bytes packed(std::uint32_t elements, const std::string& key, std::size_t value_bytes, std::uint64_t kind,
             std::uint64_t stamp, std::size_t author_bytes = 32) {
  Writer writer(elements);
  writer.uint(0).text(key).uint(kind).bin(Bytes(value_bytes)).uint(stamp).bin(Bytes(author_bytes));
  for (std::uint32_t i = 6; i < elements; ++i) writer.bin(Bytes(64));
  return writer.take();
}

TEST(Entry, IsRefusedOverItsLimits) {
  EXPECT_TRUE(decode_entry(packed(7, "a/b", kMaxValueBytes, 0, 1)));
  EXPECT_TRUE(
      decode_entry(packed(7, "a/" + std::string(kMaxKeyBytes - 2, 'b'), kMaxValueBytes, 0, Hlc::kMax)));
  EXPECT_FALSE(decode_entry(packed(7, "a/b", kMaxValueBytes + 1, 0, 1)));
  EXPECT_FALSE(decode_entry(packed(7, "a/" + std::string(kMaxKeyBytes, 'b'), 0, 0, 1)));
  EXPECT_FALSE(decode_entry(packed(7, "a/b", 0, 2, 1)));              // another kind
  EXPECT_FALSE(decode_entry(packed(7, "a/b", 1, 1, 1)));              // a tombstone with a value
  EXPECT_FALSE(decode_entry(packed(7, "a/b", 1, 0, Hlc::kMax + 1)));  // the top bit of the stamp
  EXPECT_FALSE(decode_entry(packed(7, "a/b", 1, 0, 1, 31)));
  EXPECT_FALSE(decode_entry(packed(6, "a/b", 1, 0, 1)));
  EXPECT_FALSE(decode_entry(packed(8, "a/b", 1, 0, 1)));
  EXPECT_FALSE(decode_entry(Bytes(kMaxEntryBytes + 1)));
  EXPECT_FALSE(decode_entry({}));
}

}  // namespace
}  // namespace zswarm::bus
