#include "bus/wire/pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace zswarm::bus {
namespace {

using ::testing::ElementsAre;

TEST(Pack, GivesBackWhatWasWritten) {
  Writer writer(MessageType::kProbe, 7, 0x01020304);
  writer.uint(1u << 20).sint(-5).sint(5).boolean(true).text("héllo").bin(Bytes{1, 2, 3});
  writer.array(2).uint(7).array(0);
  const Bytes message = writer.take();
  const auto header = read_header(message);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->type, MessageType::kProbe);
  EXPECT_EQ(header->request_id, 0x01020304u);
  Reader reader = Reader::of_message(message);
  EXPECT_EQ(reader.uint(), 1u << 20);
  EXPECT_EQ(reader.sint(-5, 5), -5);
  EXPECT_EQ(reader.sint(-5, 5), 5);
  EXPECT_TRUE(reader.boolean());
  EXPECT_EQ(reader.text(6), "héllo");
  EXPECT_THAT(reader.bin(3), ElementsAre(1, 2, 3));
  Reader inner = reader.array(2);
  EXPECT_EQ(inner.uint(), 7u);
  EXPECT_EQ(inner.array(9).left(), 0u);
  EXPECT_EQ(reader.left(), 0u);
  EXPECT_TRUE(reader.ok());
}

RC_GTEST_PROP(Pack, CarriesAnyNumberAndAnyBytes, (std::uint64_t u, std::int64_t s, const Bytes& bytes)) {
  const Bytes packed = Writer(3).uint(u).sint(s).bin(bytes).take();
  Reader reader = Reader::of_bytes(packed);
  RC_ASSERT(reader.uint() == u);
  RC_ASSERT(reader.sint(INT64_MIN, INT64_MAX) == s);
  const ByteView read = reader.bin(bytes.size());
  RC_ASSERT(std::equal(read.begin(), read.end(), bytes.begin(), bytes.end()));
  RC_ASSERT(reader.ok());
}

TEST(Pack, PassesOverElementsThatALaterVersionAdds) {
  Reader reader = Reader::of_bytes(Writer(2).uint(1).text("from the future").take());
  EXPECT_EQ(reader.uint(), 1u);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.left(), 1u);
}

TEST(Pack, StaysAtFaultAfterTheFirstOne) {
  Reader reader = Reader::of_bytes(Writer(3).uint(7).uint(8).uint(9).take());
  EXPECT_EQ(reader.uint(6), 0u);
  EXPECT_EQ(reader.uint(), 0u);
  EXPECT_FALSE(reader.ok());
}

/// Whether `read` finds nothing wrong with the bytes.
template <class Read>
bool reads(const Bytes& packed, Read read) {
  Reader reader = Reader::of_bytes(packed);
  read(reader);
  return reader.ok();
}

TEST(Pack, RefusesWhatIsOverItsLimits) {
  const Bytes packed = Writer(2).text("12345").bin(Bytes(5)).take();
  const auto five = [](Reader& r) { (void)r.text(5), (void)r.bin(5); };
  const auto short_text = [](Reader& r) { (void)r.text(4); };
  const auto short_bytes = [](Reader& r) { (void)r.text(5), (void)r.bin(4); };
  const auto other_length = [](Reader& r) { (void)r.text(5), (void)r.fixed<6>(); };
  EXPECT_TRUE(reads(packed, five));
  EXPECT_FALSE(reads(packed, short_text));
  EXPECT_FALSE(reads(packed, short_bytes));
  EXPECT_FALSE(reads(packed, other_length));
  EXPECT_FALSE(Reader::of_bytes(packed, {.elements = 1}).ok());
  EXPECT_FALSE(Reader::of_bytes(packed, {.bytes = 4}).ok());
  const Bytes nested = Writer(1).array(2).uint(1).uint(2).take();
  EXPECT_TRUE(reads(nested, [](Reader& r) { (void)r.array(2); }));
  EXPECT_FALSE(reads(nested, [](Reader& r) { (void)r.array(1); }));
}

TEST(Pack, RefusesWhatIsNoArrayAlone) {
  for (const Bytes& bytes : {Bytes{}, Bytes{0xc1}, Bytes{0x01}, Bytes{0x91}, Bytes{0x90, 0x90}, Bytes{0x80},
                             Bytes{0x91, 0x80, 0x00}}) {
    EXPECT_FALSE(Reader::of_bytes(bytes).ok());
  }
}

TEST(Pack, TakesNoMemoryForWhatAMessageOnlyClaims) {
  EXPECT_FALSE(Reader::of_bytes(Bytes{0xdd, 0xff, 0xff, 0xff, 0xff}).ok());        // an array of 2^32 - 1
  EXPECT_FALSE(Reader::of_bytes(Bytes{0x91, 0xc6, 0xff, 0xff, 0xff, 0xff}).ok());  // as many bytes
  EXPECT_FALSE(Reader::of_bytes(Bytes{0x91, 0xdf, 0xff, 0xff, 0xff, 0xff}).ok());  // as many pairs
  EXPECT_FALSE(Reader::of_bytes(Bytes(100'000, 0x91)).ok());                       // nested as deep
}

TEST(Message, OfAnotherMajorVersionIsToldApart) {
  Bytes message = Writer(MessageType::kHello, 0).take();
  message[0] = kMajorVersion + 1;
  EXPECT_EQ(read_header(message).error().code, ErrorCode::kUnsupported);
  message[0] = kMajorVersion;
  message[1] = kMinorVersion + 1;
  EXPECT_TRUE(read_header(message));
  EXPECT_EQ(read_header(Bytes(7)).error().code, ErrorCode::kMalformed);
}

}  // namespace
}  // namespace zswarm::bus
