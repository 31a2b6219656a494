// The vectors in tests/vectors/bus/ledger.json, which check.py beside it computes from the specification
// alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "bus/ledger/sync_wire.h"

namespace zswarm::bus {
namespace {

using Json = nlohmann::json;

struct LedgerVectors : ::testing::Test {
  const Json all = Json::parse(std::ifstream(ZSWARM_SOURCE_DIR "/tests/vectors/bus/ledger.json"));

  static Bytes bytes(const Json& hex) {
    const std::string text = hex;
    Bytes bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
      bytes.push_back(static_cast<std::uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
    return bytes;
  }
  template <std::size_t N>
  static ByteArray<N> fixed(const Json& hex) {
    ByteArray<N> array{};
    const Bytes read = bytes(hex);
    ZS_BUS_ASSERT(read.size() == N);
    std::copy(read.begin(), read.end(), array.begin());
    return array;
  }
  Entry entry(const Json& vector) const {
    Entry entry;
    entry.cell = vector["cell"];
    entry.key = vector["key"];
    entry.value = bytes(vector["value"]);
    entry.erased = vector["erased"];
    entry.stamp = {std::stoull(vector["stamp"].get<std::string>())};
    const auto seed = fixed<32>(vector["seed"]);
    sign_entry(entry, SignKeyPair::from_seed(Secret<32>::from(std::span<const std::uint8_t, 32>(seed))),
               bytes(all["network"]));
    return entry;
  }
};

TEST_F(LedgerVectors, EntriesAreSignedAndEncodedAsSpecified) {
  ASSERT_EQ(all["entries"].size(), 5u);
  for (const Json& vector : all["entries"]) {
    const Entry made = entry(vector);
    EXPECT_EQ(signed_bytes(made, bytes(all["network"])), bytes(vector["signed"]));
    EXPECT_EQ(hash_of(bytes(vector["signed"])), fixed<32>(vector["hash"]));
    EXPECT_EQ(encode_entry(made), bytes(vector["entry"]));
    EXPECT_EQ(decode_entry(bytes(vector["entry"])), made);
    EXPECT_TRUE(is_signed_by_author(made, bytes(vector["signed"])));
  }
}

TEST_F(LedgerVectors, FingerprintsAndShortIdsAreThoseSpecified) {
  const auto nonce = fixed<16>(all["nonce"]);
  SetSum sum;
  EXPECT_EQ(fingerprint_of(nonce, sum), fixed<12>(all["fingerprints"][0]["fingerprint"]));
  for (std::size_t i = 0; i < all["entries"].size(); ++i) {
    const auto hash = fixed<32>(all["entries"][i]["hash"]);
    sum += SetSum::of(hash);
    EXPECT_EQ(fingerprint_of(nonce, sum), fixed<12>(all["fingerprints"][i + 1]["fingerprint"]));
    EXPECT_EQ(short_id_of(nonce, hash), fixed<6>(all["short_ids"][i]));
  }
}

TEST_F(LedgerVectors, PositionsAndBoundsAreThoseSpecified) {
  std::vector<Position> order;
  for (const Json& vector : all["entries"]) {
    const bool permanent = vector["key"].get<std::string>().starts_with("network/");
    const std::uint64_t stamp = std::stoull(vector["stamp"].get<std::string>());
    order.push_back({stamp | (permanent ? Position::kPermanent : 0), fixed<32>(vector["hash"])});
  }
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < order.size(); ++i) {
    EXPECT_EQ(decode_lower(bytes(all["positions"][i])).at, order[i]);
    if (i > 0) {
      EXPECT_EQ(encode_bound(bound_between(order[i - 1], order[i])), bytes(all["bounds"][i - 1]));
    }
  }
}

}  // namespace
}  // namespace zswarm::bus
