#include "kernels/base/utf8.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "kernels/base/error.h"

namespace zswarm {
namespace {

TEST(Utf8, takes_every_scalar_value_there_and_back) {
  for (char32_t code = 0; code < 0x110000; ++code) {
    if (code >= 0xd800 && code < 0xe000) continue;
    std::string text;
    utf8::append(code, text);
    const utf8::Char c = utf8::decode(text);
    ASSERT_TRUE(c.valid && c.code == code && c.length == text.size()) << static_cast<std::uint32_t>(code);
    for (std::size_t n = 1; n < text.size(); ++n)
      ASSERT_EQ(utf8::incomplete_tail("ab" + text.substr(0, n)), n);
    ASSERT_EQ(utf8::incomplete_tail(text), 0u);
  }
}

TEST(Utf8, refuses_overlong_forms_surrogates_and_codes_beyond_unicode) {
  for (const char* broken : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80",
                             "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                             "\xff", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc3\x28"}) {
    EXPECT_FALSE(utf8::is_valid(broken)) << printable(broken);
  }
}

TEST(Utf8, replaces_each_maximal_broken_sequence_once) {
  EXPECT_EQ(utf8::sanitized("a\xf0\x9f\x98"
                            "b"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(utf8::sanitized("\xe0\x80\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(utf8::sanitized("\xc3"), "\xef\xbf\xbd");
}

RC_GTEST_PROP(Utf8, sanitized_text_is_valid_and_valid_text_stays, (const std::string& bytes)) {
  const std::string clean = utf8::sanitized(bytes);
  RC_ASSERT(utf8::is_valid(clean));
  RC_ASSERT(utf8::sanitized(clean) == clean);
  if (utf8::is_valid(bytes)) RC_ASSERT(clean == bytes);
}

TEST(Printable, shows_no_control_characters_and_not_too_much) {
  EXPECT_EQ(printable("a\x1b[31mb\n"), "a\\x1b[31mb\\x0a");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");  // the one-character form of ESC [
  EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f"
                      "e \xff"),
            "gr\xc3\xbc\xc3\x9f"
            "e \\xff");
  EXPECT_EQ(printable(std::string(200, 'x'), 10), "xxxxxxxxxx…");
}

RC_GTEST_PROP(Printable, is_always_valid_text_without_controls, (const std::string& bytes)) {
  const std::string shown = printable(bytes);
  RC_ASSERT(utf8::is_valid(shown));
  for (const char c : shown) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

}  // namespace
}  // namespace zswarm
