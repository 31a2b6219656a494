#include "gateway/auth/api_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zswarm::gateway {
namespace {

TEST(ApiKeys, AreReadOnePerLine) {
  const auto keys = ApiKeys::parse("# who may call\n\nfirst\r\n  second  # hers\nthird", "keys");
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->size(), 3u);
  for (const char* header : {"Bearer first", "bearer second", "BEARER  third "})
    EXPECT_TRUE(keys->allows(header)) << header;
  for (const char* header :
       {"", "Bearer", "Bearer ", "first", "Basic first", "Bearer firs", "Bearer firstx", "Bearer # hers"}) {
    EXPECT_FALSE(keys->allows(header)) << header;
  }
}

TEST(ApiKeys, MarkedAdminMayMore) {
  const auto keys = ApiKeys::parse("plain\nadmin  mighty # his\n", "keys");
  ASSERT_TRUE(keys);
  EXPECT_TRUE(keys->allows("Bearer mighty"));
  EXPECT_TRUE(keys->allows_admin("Bearer mighty"));
  EXPECT_FALSE(keys->allows_admin("Bearer plain"));
  EXPECT_FALSE(keys->allows_admin("Bearer admin"));
  EXPECT_FALSE(keys->allows("Bearer admin mighty"));
  EXPECT_FALSE(ApiKeys::parse("admin two words\n", "keys"));
}

TEST(ApiKeys, WithoutAKeyAreRefused) {
  EXPECT_THAT(ApiKeys::parse("# nothing\n", "the-file").error().message, testing::HasSubstr("the-file"));
  EXPECT_THAT(ApiKeys::load("/nonexistent/keys").error().message, testing::HasSubstr("/nonexistent/keys"));
}

TEST(ApiKeys, ThatCouldNeverMatchAreNamedByLineNotByText) {
  const auto keys = ApiKeys::parse("good\nbad key\n", "keys");
  ASSERT_FALSE(keys);
  EXPECT_THAT(keys.error().message, testing::HasSubstr("line 2"));
  EXPECT_THAT(keys.error().message, testing::Not(testing::HasSubstr("bad")));
}

}  // namespace
}  // namespace zswarm::gateway
