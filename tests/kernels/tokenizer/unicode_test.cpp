#include "kernels/tokenizer/unicode.h"

#include <gtest/gtest.h>

namespace zswarm::tokenizer {
namespace {

TEST(WhiteSpace, IsUnicodesProperty) {
  for (const char32_t c : {U'\t', U'\n', U'\v', U'\r', U' ', char32_t{0x85}, char32_t{0xa0}, char32_t{0x2003},
                           char32_t{0x3000}}) {
    EXPECT_TRUE(is_white_space(c));
  }
  for (const char32_t c : {U'a', char32_t{0x180e}, char32_t{0x200b}, char32_t{0xfeff}})
    EXPECT_FALSE(is_white_space(c));
}

TEST(WhiteSpace, IsTakenOffEitherEnd) {
  EXPECT_EQ(without_leading_space(" \u2003\na "), "a ");
  EXPECT_EQ(without_trailing_space(" a \u2003\n"), " a");
  EXPECT_EQ(without_leading_space(" \n"), "");
  EXPECT_EQ(without_trailing_space(" \n"), "");
  EXPECT_EQ(without_trailing_space("a\x80\x80\x80\x80"), "a\x80\x80\x80\x80");
  EXPECT_EQ(without_trailing_space("a \xe2\x80"), "a \xe2\x80");
}

}  // namespace
}  // namespace zswarm::tokenizer
