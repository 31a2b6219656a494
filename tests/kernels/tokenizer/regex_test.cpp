#include "kernels/tokenizer/regex.h"

#include <gtest/gtest.h>

#include <string>

#include "kernels/base/utf8.h"
#include "kernels/tokenizer/unicode.h"

namespace zswarm::tokenizer {
namespace {

bool matches(std::string_view expression, std::string_view subject) {
  const auto regex = Regex::compile(expression);
  EXPECT_TRUE(regex) << regex.error().message;
  RegexMatcher matcher(subject.size());
  const auto found = matcher.find(*regex, subject, 0);
  EXPECT_TRUE(found) << found.error().message;
  return found->has_value() && (*found)->begin == 0 && (*found)->end == subject.size();
}

TEST(Regex, SpaceIsUnicodesWhiteSpaceInsideAndOutsideBrackets) {
  for (char32_t code = 0; code < 0x30000; ++code) {
    if (code >= 0xd800 && code < 0xe000) continue;
    std::string c;
    utf8::append(code, c);
    ASSERT_EQ(matches(R"(\s)", c), is_white_space(code)) << "U+" << std::hex << static_cast<unsigned>(code);
    if (code > 0x3100 && code % 64 != 0) continue;  // no white space there; once per code is enough
    ASSERT_EQ(matches(R"([x\s])", c), is_white_space(code) || c == "x");
    ASSERT_EQ(matches(R"(\S)", c), !is_white_space(code));
    ASSERT_EQ(matches(R"([^x\s])", c), !is_white_space(code) && c != "x");
  }
}

TEST(Regex, KnowsCharactersUpToUnicode16) {
  EXPECT_TRUE(matches(R"(\p{L}[\p{L}])", "\U00031350\U0002EBF0"));  // CJK extensions H (15.0) and I (15.1)
  EXPECT_TRUE(matches(R"(\p{N})", "\U00010D40"));                   // a digit of Garay (16.0)
  EXPECT_TRUE(matches(R"([^\p{L}\p{N}])", "\U0001FAE8"));
  EXPECT_TRUE(matches(R"(\p{S})", "\U0001FAE8"));  // shaking face (15.0)
  EXPECT_FALSE(matches(R"([^\s\p{L}])", "\U00031350"));
}

TEST(Regex, CaseFoldingIsUnicodes) {
  EXPECT_TRUE(matches("(?i:'s)", "'S"));
  EXPECT_TRUE(matches("(?i:'s)", "'\u017f"));  // long s
  EXPECT_FALSE(matches("'s", "'S"));
}

TEST(Regex, DollarIsTheEndAndNotALineBreakBeforeIt) {
  EXPECT_TRUE(matches(R"(a\n$)", "a\n"));
  EXPECT_FALSE(matches("a$\n", "a\n"));
}

TEST(Regex, ABrokenExpressionIsOurError) {
  const auto regex = Regex::compile("(");
  ASSERT_FALSE(regex);
  EXPECT_EQ(regex.error().code, ErrorCode::kInternal);
}

TEST(Regex, StopsAnExpressionThatBacktracksWithoutEnd) {
  const auto regex = Regex::compile("(a+)+(b|c)");
  ASSERT_TRUE(regex);
  const std::string subject = std::string(5000, 'a') + "d";
  RegexMatcher matcher(subject.size());
  const auto found = matcher.find(*regex, subject, 0);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kInternal);
}

}  // namespace
}  // namespace zswarm::tokenizer
