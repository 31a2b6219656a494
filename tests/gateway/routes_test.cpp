#include "gateway/routes.h"

#include <gtest/gtest.h>

#include "gateway/server.h"

namespace zswarm::gateway {
namespace {

TEST(Routes, EveryEndpointIsFoundByItsOwnMethod) {
  for (const Route& route : routes()) {
    std::string path(route.pattern);
    if (const auto brace = path.find('{'); brace != std::string::npos) path = path.substr(0, brace) + "x/y";
    EXPECT_EQ(find_route(route.method, path).route, &route) << path;
    EXPECT_EQ(find_route("DELETE", path).error.status, 405) << path;
  }
}

TEST(Routes, OnlyHealthNeedsNoKey) {
  for (const Route& route : routes())
    EXPECT_EQ(route.needs_key(), route.pattern != "/health") << route.pattern;
}

TEST(Routes, APatternMatchesTheRestOfThePath) {
  EXPECT_EQ(find_route("GET", "/v1/models/org/name").rest, "org/name");
  EXPECT_EQ(find_route("HEAD", "/health").rest, "");
  EXPECT_EQ(find_route("GET", "/v1/models/").error.status, 404);
  EXPECT_EQ(find_route("GET", "/V1/models").error.status, 404);
}

TEST(Address, IsParsed) {
  const auto parsed = [](const std::string& text) {
    Options options;
    const Status status = parse_address(text, options);
    return status ? options.address + " " + std::to_string(options.port) : "refused";
  };
  EXPECT_EQ(parsed("127.0.0.1:0"), "127.0.0.1 0");
  EXPECT_EQ(parsed("localhost:81"), "127.0.0.1 81");
  EXPECT_EQ(parsed("[::1]:81"), "::1 81");
  EXPECT_EQ(parsed(":81"), "0.0.0.0 81");
  EXPECT_EQ(parsed("81"), "127.0.0.1 81");
  for (const char* text :
       {"", "x", "host:81", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:81", "[::1:81", "[]:1"}) {
    EXPECT_EQ(parsed(text), "refused") << text;
  }
}

}  // namespace
}  // namespace zswarm::gateway
