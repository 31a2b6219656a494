#include "node/dispatch/hint.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

#include "bus/base/random.h"
#include "bus/wire/pack.h"

namespace zswarm::node {
namespace {

ModelLoad some_load(std::uint64_t number, std::size_t digest_bytes = 0) {
  ModelLoad load{number, 3, 2, 8, 900, 512.5, 17.25, 2.5, 1000, {}};
  bus::Random random(number);
  load.cached.bits.resize(digest_bytes);
  for (std::uint8_t& byte : load.cached.bits) byte = static_cast<std::uint8_t>(1u << random.below(8));
  return load;
}

TEST(Hint, ComesBackAsItWasWritten) {
  Hint hint{true, true, 0.75, {some_load(1, 64), some_load(~0ull)}};
  hint.models[0].cached.stride = 4;
  const auto read = read_hint(write_hint(hint));
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->draining && read->standby);
  EXPECT_EQ(read->cores_load, 0.75);
  ASSERT_EQ(read->models.size(), 2u);
  const ModelLoad& load = read->models[0];
  EXPECT_EQ(load.model, 1u);
  EXPECT_EQ(load.running, 3u);
  EXPECT_EQ(load.waiting, 2u);
  EXPECT_EQ(load.places, 8u);
  EXPECT_EQ(load.waiting_tokens, 900u);
  EXPECT_EQ(load.prefill_tps, 512.5);
  EXPECT_EQ(load.decode_tps, 17.25);
  EXPECT_EQ(load.service_s, 2.5);
  EXPECT_EQ(load.free_pages, 1000u);
  EXPECT_EQ(load.cached.stride, 4u);
  EXPECT_EQ(load.cached.bits, hint.models[0].cached.bits);
  EXPECT_EQ(read->models[1].model, ~0ull);
}

TEST(Hint, WithTheLargestFiguresOfAllModelsFitsAndDigestsShrinkFirst) {
  Hint hint;
  for (std::uint64_t i = 0; i < 20; ++i) {
    ModelLoad load = some_load(~i, kDigestBytes);
    load.running = load.waiting = load.places = load.waiting_tokens = load.free_pages = ~0u;
    load.prefill_tps = load.decode_tps = load.service_s = 1e30;
    hint.models.push_back(load);
  }
  const bus::Bytes bytes = write_hint(hint);
  EXPECT_LE(bytes.size(), kHintBytes);
  const auto read = read_hint(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->models.size(), kHintModels);
  for (const ModelLoad& load : read->models) EXPECT_EQ(load.prefill_tps, kRateMax);

  hint.models.resize(3);
  const auto three = read_hint(write_hint(hint));
  ASSERT_TRUE(three);
  for (const ModelLoad& load : three->models) EXPECT_GE(load.cached.bits.size(), kDigestBytes / 2);
}

TEST(Hint, WritesFiguresThatAreNoNumbersAsUnknown) {
  Hint hint{false, false, std::numeric_limits<double>::quiet_NaN(), {some_load(1)}};
  hint.models[0].prefill_tps = -5;
  hint.models[0].decode_tps = std::numeric_limits<double>::infinity();
  hint.models[0].service_s = std::nan("");
  const auto read = read_hint(write_hint(hint));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->cores_load, 0);
  EXPECT_EQ(read->models[0].prefill_tps, 0);
  EXPECT_EQ(read->models[0].decode_tps, kRateMax);
  EXPECT_EQ(read->models[0].service_s, 0);
}

/// A hint with one model, whose element at `place` is replaced.
bus::Bytes with(std::size_t place, std::uint64_t value, std::size_t digest = 0) {
  const std::uint64_t fields[] = {1, 2, 2, 4, 100, 1000, 1000, 1000, 10, 1};
  bus::Writer writer(4);
  writer.uint(1).uint(0).uint(0).array(1).array(11);
  for (std::size_t i = 0; i < 10; ++i) writer.uint(i == place ? value : fields[i]);
  return writer.bin(bus::Bytes(digest, 0x11)).take();
}

TEST(Hint, RefusesWhatNoNodeCanMean) {
  EXPECT_TRUE(read_hint(with(0, 5)));
  for (const std::size_t place : {1, 2, 3}) EXPECT_FALSE(read_hint(with(place, kLoadRequests + 1))) << place;
  EXPECT_FALSE(read_hint(with(1, 5))) << "more run than there are places";
  EXPECT_FALSE(read_hint(with(4, kLoadTokens + 1)));
  EXPECT_FALSE(read_hint(with(5, 1'000'000'001)));
  EXPECT_FALSE(read_hint(with(7, 86'400'001)));
  EXPECT_FALSE(read_hint(with(9, 3))) << "a stride is a power of two";
  EXPECT_FALSE(read_hint(with(9, 128)));
  EXPECT_FALSE(read_hint(with(9, 0)));
  EXPECT_FALSE(read_hint(with(0, 0, kDigestBytes + 1)));
  EXPECT_FALSE(read_hint(bus::Bytes(kHintBytes + 1, 0)));
  EXPECT_FALSE(read_hint({}));
  bus::Writer other(2);
  const auto later = read_hint(other.uint(2).uint(0).take());
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().code, ErrorCode::kUnsupported);
}

TEST(Hint, ADigestThatSaysYesToEverythingIsTakenAsNone) {
  Hint hint{false, false, 0, {some_load(1)}};
  hint.models[0].cached.bits.assign(100, 0xff);
  const auto read = read_hint(write_hint(hint));
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->models[0].cached.bits.empty());
}

RC_GTEST_PROP(Hint, ReadingAnyBytesEnds, ()) {
  const auto bytes = *rc::gen::container<bus::Bytes>(rc::gen::arbitrary<std::uint8_t>());
  const auto read = read_hint(bytes);
  if (read) RC_ASSERT(read->models.size() <= kHintModels);
}

RC_GTEST_PROP(Hint, ADamagedOneIsRefusedOrWithinBounds, ()) {
  bus::Bytes bytes = write_hint({false, true, 0.5, {some_load(1, 40), some_load(2)}});
  bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] ^=
      static_cast<std::uint8_t>(1 << *rc::gen::inRange(0, 8));
  const auto read = read_hint(bytes);
  if (!read) return;
  for (const ModelLoad& load : read->models)
    RC_ASSERT(load.running <= load.places && load.service_s <= kServiceMax);
}

}  // namespace
}  // namespace zswarm::node
