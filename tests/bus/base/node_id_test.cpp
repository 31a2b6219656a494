#include "bus/base/node_id.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bus/base/base32.h"

namespace zswarm::bus {
namespace {

RC_GTEST_PROP(Base32, GivesBackAnyBytes, (const Bytes& bytes)) {
  RC_ASSERT(base32_bytes(base32_text(bytes)) == bytes);
}

TEST(Base32, ReadsWhatPeopleConfuse) {
  EXPECT_EQ(base32_bytes("O1LI"), base32_bytes("0111"));
  EXPECT_FALSE(base32_bytes("u0"));
  EXPECT_FALSE(base32_bytes("0-"));
}

TEST(Base32, HasOneTextForEachByteString) {
  EXPECT_FALSE(base32_bytes("01"));   // a filling bit is set
  EXPECT_FALSE(base32_bytes("000"));  // no whole number of bytes
  EXPECT_EQ(base32_bytes("00"), Bytes{0});
}

RC_GTEST_PROP(NodeId, ComesBackFromItsText, (const ByteArray<16>& bytes)) {
  const NodeId id{bytes};
  RC_ASSERT(id.text().size() == 26u);
  RC_ASSERT(NodeId::parse(id.text()) == id);
}

TEST(NodeId, IsNotMadeFromOtherTexts) {
  EXPECT_FALSE(NodeId::parse(""));
  EXPECT_FALSE(NodeId::parse(std::string(25, '0')));
  EXPECT_FALSE(NodeId::parse(std::string(28, '0')));
}

}  // namespace
}  // namespace zswarm::bus
