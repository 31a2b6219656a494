#include "gateway/json/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zswarm::gateway {
namespace {

using testing::HasSubstr;

std::string problem(std::string_view text, JsonLimits limits = {}) {
  const auto value = parse_json(text, limits);
  return value ? "" : value.error().message;
}

TEST(Json, KeepsTheOrderOfKeysAndTheKindOfNumbers) {
  const auto value = parse_json(R"({"z":1,"a":1.0,"m":1e20})", {});
  ASSERT_TRUE(value);
  EXPECT_EQ(to_text(*value), R"({"z":1,"a":1.0,"m":1e+20})");
}

TEST(Json, SaysWhereATextGoesWrong) {
  EXPECT_THAT(problem(R"({"a":x})"), HasSubstr("byte 6"));
  EXPECT_THAT(problem(""), HasSubstr("empty"));
  EXPECT_THAT(problem("{} {}"), HasSubstr("byte"));
}

TEST(Json, RefusesBrokenUtf8AndLoneSurrogates) {
  EXPECT_NE(problem("\"\xff\""), "");
  EXPECT_NE(problem(R"("\udc00")"), "");
  EXPECT_EQ(problem(R"("\ud83d\ude00")"), "");
}

TEST(Json, IsNestedNoDeeperThanItsLimit) {
  JsonLimits limits;
  limits.depth = 3;
  EXPECT_EQ(problem("[[[1]]]", limits), "");
  EXPECT_THAT(problem("[[[[1]]]]", limits), HasSubstr("deeper than 3"));
  EXPECT_THAT(problem(R"({"a":{"b":{"c":{}}}})", limits), HasSubstr("deeper than 3"));
  EXPECT_THAT(problem(std::string(1'000'000, '[')), HasSubstr("deeper than 64"));
}

TEST(Json, HasNoMoreValuesAndKeysThanItsLimits) {
  JsonLimits limits;
  limits.values = 4;
  limits.keys_per_object = 2;
  EXPECT_EQ(problem("[1,2,3]", limits), "");
  EXPECT_THAT(problem("[1,2,3,4]", limits), HasSubstr("more than 4 values"));
  EXPECT_THAT(problem(R"({"a":1,"b":2,"c":3})", limits), HasSubstr("more than 2 keys"));
  EXPECT_EQ(problem(R"([{"a":1},{}])", limits), "");
}

TEST(Json, ABodyIsAnObject) {
  EXPECT_TRUE(parse_body("{}", {}));
  EXPECT_THAT(parse_body("[1]", {}).error().message, HasSubstr("an array"));
}

TEST(Json, TextIsAlwaysValidUtf8) {
  EXPECT_EQ(to_text(Json("a\xff"
                         "b")),
            "\"a\xEF\xBF\xBD"
            "b\"");
}

}  // namespace
}  // namespace zswarm::gateway
