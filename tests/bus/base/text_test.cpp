#include "bus/base/text.h"

#include <gtest/gtest.h>

#include <string>

namespace zswarm::bus {
namespace {

/// UTF-8 of a code point, as RFC 3629 has it; of surrogates and beyond too.
std::string utf8(std::uint32_t c) {
  const auto byte = [](std::uint32_t value) { return static_cast<char>(value); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xc0 | c >> 6), byte(0x80 | (c & 0x3f))};
  if (c < 0x10000) return {byte(0xe0 | c >> 12), byte(0x80 | (c >> 6 & 0x3f)), byte(0x80 | (c & 0x3f))};
  return {byte(0xf0 | c >> 18), byte(0x80 | (c >> 12 & 0x3f)), byte(0x80 | (c >> 6 & 0x3f)),
          byte(0x80 | (c & 0x3f))};
}

TEST(PlainText, IsEveryCharacterButControlsAndSurrogates) {
  for (std::uint32_t c = 0; c < 0x120000; ++c) {
    const bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
    const bool plain = !control && (c < 0xd800 || c > 0xdfff) && c <= 0x10ffff;
    ASSERT_EQ(is_plain_text("a" + utf8(c) + "b"), plain) << c;
  }
}

TEST(PlainText, HasNoOverlongCutOrStrayBytes) {
  EXPECT_TRUE(is_plain_text(""));
  for (const char* text : {"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xc3", "\xe2\x82", "\xf0\x9f\x90",
                           "\x80", "\xff", "\xc3x"}) {
    EXPECT_FALSE(is_plain_text(text)) << text;
  }
}

TEST(PlainWord, IsLettersDigitsAndFewSigns) {
  EXPECT_TRUE(is_plain_word("gpu-2.x_y"));
  for (const char* text : {"", "GPU", "a b", "a/b", "\xc3\xbc"}) EXPECT_FALSE(is_plain_word(text)) << text;
}

}  // namespace
}  // namespace zswarm::bus
