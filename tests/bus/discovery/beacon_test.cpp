#include "bus/discovery/beacon.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "bus/wire/pack.h"

namespace zswarm::bus {
namespace {

using Json = nlohmann::json;

Beacon example() {
  Beacon beacon;
  beacon.time.ms = 1'800'000'000'123;
  beacon.node.bytes.fill(7);
  beacon.instance = 0xfedcba9876543210;
  beacon.seeking = true;
  beacon.port = 7000;
  beacon.endpoints = {{"192.0.2.7", 7001}, {"2001:db8::7", 7002}};
  return beacon;
}

std::vector<Secret<32>> keys(std::initializer_list<std::uint8_t> firsts) {
  std::vector<Secret<32>> made;
  for (const std::uint8_t first : firsts) {
    Secret<32> key;
    key.data()[0] = first;
    made.push_back(std::move(key));
  }
  return made;
}

TEST(Beacon, SaysWhatWasSealed) {
  const auto key = keys({1});
  const auto opened = open_beacon(seal_beacon(example(), key[0]), key);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(*opened, example());
}

RC_GTEST_PROP(Beacon, OfAnyContentComesBackAndIsAlwaysOfOneLength, ()) {
  Beacon beacon;
  beacon.time.ms = *rc::gen::inRange<std::int64_t>(0, kBeaconTimeMaxMs + 1);
  beacon.node.bytes = *rc::gen::arbitrary<std::array<std::uint8_t, 16>>();
  beacon.instance = *rc::gen::arbitrary<std::uint64_t>();
  beacon.seeking = *rc::gen::arbitrary<bool>();
  beacon.port = *rc::gen::arbitrary<std::uint16_t>();
  const auto count = *rc::gen::inRange<std::size_t>(0, kBeaconEndpoints + 1);
  for (std::size_t i = 0; i < count; ++i)
    beacon.endpoints.push_back(
        {"2001:db8::" + std::to_string(i + 1), *rc::gen::inRange<std::uint16_t>(1, 65535)});
  const auto key = keys({2});
  const BeaconBytes sealed = seal_beacon(beacon, key[0]);
  const auto opened = open_beacon(sealed, key);
  RC_ASSERT(opened.has_value());
  RC_ASSERT(*opened == beacon);
}

TEST(Beacon, TellsAStrangerNothing) {
  const auto key = keys({1});
  constexpr int kBeacons = 2000;
  // Over many beacons with one content, every bit of the datagram is as often one as zero: six standard
  // deviations, so that a fair coin fails this in one of 10^5 runs of all 2048 bits.
  std::array<int, kBeaconBytes * 8> ones{};
  for (int i = 0; i < kBeacons; ++i) {
    const BeaconBytes sealed = seal_beacon(example(), key[0]);
    for (std::size_t bit = 0; bit < ones.size(); ++bit) ones[bit] += sealed[bit / 8] >> (bit % 8) & 1;
  }
  for (const int count : ones) EXPECT_NEAR(count, kBeacons / 2, 6 * std::sqrt(kBeacons / 4.0));
}

TEST(Beacon, OfAnotherNetworkOrChangedAnywhereIsRefused) {
  const auto key = keys({1}), other = keys({2});
  const BeaconBytes sealed = seal_beacon(example(), key[0]);
  EXPECT_EQ(open_beacon(sealed, other).error().code, ErrorCode::kRefused);
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    BeaconBytes changed = sealed;
    changed[at] ^= 1;
    const auto opened = open_beacon(changed, key);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::kRefused);
  }
}

TEST(Beacon, OfAnotherLengthIsMalformed) {
  const auto key = keys({1});
  const BeaconBytes sealed = seal_beacon(example(), key[0]);
  Bytes longer(sealed.begin(), sealed.end());
  longer.push_back(0);
  EXPECT_EQ(open_beacon(longer, key).error().code, ErrorCode::kMalformed);
  EXPECT_EQ(open_beacon(ByteView(sealed).first(kBeaconBytes - 1), key).error().code, ErrorCode::kMalformed);
  EXPECT_EQ(open_beacon({}, key).error().code, ErrorCode::kMalformed);
}

TEST(Beacon, IsOpenedWithTheKeyOfAnEarlierEpoch) {
  const auto all = keys({1, 2});
  EXPECT_TRUE(open_beacon(seal_beacon(example(), all[1]), all));
}

TEST(Beacon, LeavesOutEndpointsThatFindNoPlace) {
  Beacon beacon = example();
  const std::string label(60, 'a');
  beacon.endpoints = {{"192.0.2.7", 1}, {label + "." + label + "." + label, 2}, {"192.0.2.8", 3}};
  const auto key = keys({1});
  const auto opened = open_beacon(seal_beacon(beacon, key[0]), key);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->endpoints, (std::vector<Endpoint>{{"192.0.2.7", 1}}));
}

TEST(Beacon, OfALaterMinorVersionIsReadAndOfALaterMajorOneToldApart) {
  const auto key = keys({1});
  const NodeId node = example().node;
  const auto body = [&](std::uint64_t major) {
    return Writer(9)
        .uint(major)
        .uint(9)
        .uint(5)
        .id(node)
        .uint(6)
        .uint(3)
        .uint(7)
        .array(0)
        .text("later")
        .take();
  };
  const auto minor = open_beacon(seal_beacon_body(body(kMajorVersion), key[0], {}), key);
  ASSERT_TRUE(minor) << minor.error().message;
  EXPECT_EQ(minor->minor, 9);
  EXPECT_TRUE(minor->seeking);
  const auto major = open_beacon(seal_beacon_body(body(kMajorVersion + 1), key[0], {}), key);
  ASSERT_FALSE(major);
  EXPECT_EQ(major.error().code, ErrorCode::kUnsupported);
}

Bytes bytes_at(const Json& object, const char* name) {
  const std::string text = object.at(name);
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

struct BeaconVectors : ::testing::Test {
  BeaconVectors() {
    std::ifstream in(ZSWARM_SOURCE_DIR "/tests/vectors/bus/beacons.json");
    all = Json::parse(in);
    key.push_back(Secret<32>::from(ByteView(bytes_at(all, "beacon_key")).first<32>()));
  }
  Json all;
  std::vector<Secret<32>> key;
};

TEST_F(BeaconVectors, AreReadAndWritten) {
  ASSERT_FALSE(all["valid"].empty());
  for (const Json& vector : all["valid"]) {
    const Bytes datagram = bytes_at(vector, "datagram");
    const auto beacon = open_beacon(datagram, key);
    ASSERT_TRUE(beacon) << beacon.error().message;
    EXPECT_EQ(Json(std::to_string(beacon->time.ms)), vector["time_ms"]);
    EXPECT_EQ(Json(beacon->node.text()), vector["node"]);
    EXPECT_EQ(Json(std::to_string(beacon->instance)), vector["instance"]);
    EXPECT_EQ(Json(beacon->seeking), vector["seeking"]);
    EXPECT_EQ(Json(beacon->port), vector["port"]);
    Json endpoints = Json::array();
    for (const Endpoint& endpoint : beacon->endpoints) endpoints.push_back(endpoint.text());
    EXPECT_EQ(endpoints, vector["endpoints"]);
    BeaconNonce nonce;
    std::copy_n(datagram.begin(), nonce.size(), nonce.begin());
    const BeaconBytes sealed = seal_beacon(*beacon, key[0], nonce);
    EXPECT_EQ(Bytes(sealed.begin(), sealed.end()), datagram);
  }
}

TEST_F(BeaconVectors, ThatAreWrongAreRefused) {
  ASSERT_FALSE(all["invalid"].empty());
  for (const Json& vector : all["invalid"]) {
    const auto beacon = open_beacon(bytes_at(vector, "datagram"), key);
    ASSERT_FALSE(beacon) << vector["what"];
    EXPECT_EQ(Json(error_code_name(beacon.error().code)), vector["error"]) << vector["what"];
  }
}

}  // namespace
}  // namespace zswarm::bus
