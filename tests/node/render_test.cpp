#include "node/render.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace zswarm::node {
namespace {

TEST(WithSpecialTokens, PutsThemBeforeWhatIsThere) {
  EXPECT_EQ(with_special_tokens(" { \"a\": 1.0 }", {{"bos_token", "<s>"}, {"eos_token", "\"\n"}}),
            " {\"bos_token\":\"<s>\",\"eos_token\":\"\\\"\\n\", \"a\": 1.0 }");
}

TEST(WithSpecialTokens, LeavesAnEmptyObjectAndAModelWithoutThemWhole) {
  EXPECT_EQ(with_special_tokens("{ }", {{"bos_token", "<s>"}}), "{\"bos_token\":\"<s>\" }");
  EXPECT_EQ(with_special_tokens("{}", {}), "{}");
  EXPECT_EQ(with_special_tokens("{\"a\":1}", {}), "{\"a\":1}");
}

TEST(WithSpecialTokens, LetsTheRequestNameItsOwn) {
  const auto json =
      nlohmann::json::parse(*with_special_tokens("{\"bos_token\":\"mine\"}", {{"bos_token", "<s>"}}));
  EXPECT_EQ(json["bos_token"], "mine");
}

TEST(WithSpecialTokens, RefusesWhatIsNoObject) {
  for (const char* text : {"", "  ", "[]", "null"}) EXPECT_FALSE(with_special_tokens(text, {})) << text;
}

}  // namespace
}  // namespace zswarm::node
