#include "gateway/http/target.h"

#include <gtest/gtest.h>

#include "gateway/http/message.h"

namespace zswarm::gateway {
namespace {

TEST(Target, IsTakenApart) {
  const auto target = parse_target("/v1/models/a%2Fb%20c?key=secret#x");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/v1/models/a/b c");
  EXPECT_EQ(target->query, "key=secret");
  EXPECT_EQ(parse_target("HTTP://host:80/health")->path, "/health");
  EXPECT_EQ(parse_target("http://host")->path, "/");
}

TEST(Target, OfOtherFormsIsRefused) {
  for (const char* text : {"", "*", "host:443", "health", "/%", "/%4", "/%zz", "/%00"}) {
    EXPECT_FALSE(parse_target(text)) << text;
  }
}

TEST(LoopbackHost, IsRecognisedWithAndWithoutPort) {
  for (const char* host : {"localhost", "LOCALHOST:80", "127.0.0.1", "127.1.2.3:9", "[::1]", "[::1]:8080"}) {
    EXPECT_TRUE(is_loopback_host(host)) << host;
  }
  for (const char* host :
       {"", "localhost.evil.example", "127.evil.example", "10.0.0.1", "[::2]", "evil.example:80"}) {
    EXPECT_FALSE(is_loopback_host(host)) << host;
  }
  EXPECT_EQ(origin_host("https://evil.example:80"), "evil.example:80");
  EXPECT_EQ(origin_host("null"), "");
}

TEST(ResponseHead, SaysHowTheBodyEnds) {
  const Response response = json_response("{}");
  EXPECT_NE(response_head(response, Framing::kLength, 2, true, "req_1").find("Content-Length: 2\r\n"),
            std::string::npos);
  EXPECT_NE(response_head(response, Framing::kChunked, 0, true, "").find("Transfer-Encoding: chunked\r\n"),
            std::string::npos);
  EXPECT_NE(response_head(response, Framing::kUntilClose, 0, true, "").find("Connection: close\r\n\r\n"),
            std::string::npos);
  EXPECT_EQ(chunk("0123456789abcdef"), "10\r\n0123456789abcdef\r\n");
  EXPECT_EQ(event("{}"), "data: {}\n\n");
}

TEST(ErrorResponse, CarriesTheHeadersOfItsStatus) {
  ApiError error{.status = 405, .message = "no", .code = "method_not_allowed", .allow = "GET, HEAD"};
  EXPECT_EQ(error_response(error).headers.at(0), (std::pair<std::string, std::string>("Allow", "GET, HEAD")));
  EXPECT_EQ(
      error_response(error).body,
      R"({"error":{"message":"no","type":"invalid_request_error","param":null,"code":"method_not_allowed"}})");
}

}  // namespace
}  // namespace zswarm::gateway
