#include "bus/keys/endpoint.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bus/base/bytes.h"

namespace zswarm::bus {
namespace {

std::string text_of(std::string_view text) {
  const auto endpoint = parse_endpoint(text);
  return endpoint ? endpoint->text() : "";
}

TEST(Endpoint, ReadsAddressesAndNames) {
  EXPECT_EQ(parse_endpoint("192.0.2.7:7000")->host, "192.0.2.7");
  EXPECT_EQ(parse_endpoint("[2001:db8::7]:7000")->host, "2001:db8::7");
  EXPECT_EQ(parse_endpoint("node-1.example.org:65535")->port, 65535);
  EXPECT_EQ(parse_endpoint("[::1]:1")->zmq_address(), "tcp://[::1]:1");
}

TEST(Endpoint, HasOneText) {
  EXPECT_EQ(text_of("[2001:DB8:0:0::7]:7000"), "[2001:db8::7]:7000");
  EXPECT_EQ(text_of("Node.Example.ORG:1"), "node.example.org:1");
}

TEST(Endpoint, RefusesWhatIsNoAddress) {
  const std::string long_label(64, 'a'), long_name = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                                                     std::string(63, 'c') + "." + std::string(63, 'd');
  for (const std::string& text : {std::string(""),
                                  std::string(":"),
                                  std::string(":7000"),
                                  std::string("host"),
                                  std::string("host:"),
                                  std::string("host:0"),
                                  std::string("host:65536"),
                                  std::string("host:+1"),
                                  std::string("host:01"),
                                  std::string("host:1 "),
                                  std::string(" host:1"),
                                  std::string("ho st:1"),
                                  std::string("1.2.3.400:1"),
                                  std::string("1.2.3:1"),
                                  std::string("2001:db8::7:7000"),
                                  std::string("[2001:db8::7]"),
                                  std::string("[fe80::1%eth0]:1"),
                                  std::string("[host]:1"),
                                  std::string("[]:1"),
                                  std::string("a..b:1"),
                                  std::string("host.:1"),
                                  std::string("-a:1"),
                                  std::string("a-:1"),
                                  std::string("*:1"),
                                  std::string("h\xc3\xb6st:1"),
                                  std::string("1.2.3.4\0x:1", 11),
                                  std::string("tcp://host:1"),
                                  long_label + ":1",
                                  long_name + ":1"}) {
    EXPECT_EQ(text_of(text), "") << text;
  }
}

TEST(Endpoint, TakesPortZeroOnlyToListen) {
  EXPECT_FALSE(parse_endpoint("0.0.0.0:0"));
  EXPECT_EQ(parse_endpoint("[::]:0", PortZero::kTaken)->text(), "[::]:0");
}

RC_GTEST_PROP(Endpoint, ReadsAnyTextToTheEndAndItsOwnBack, (const std::string& host, std::uint16_t port)) {
  const auto endpoint = parse_endpoint(host + ":" + std::to_string(port));
  if (endpoint) RC_ASSERT(parse_endpoint(endpoint->text()) == *endpoint);
}

RC_GTEST_PROP(Endpoint, ReadsEveryAddress, (const ByteArray<16>& bytes, std::uint16_t port)) {
  std::string v6 = "[", v4;
  for (std::size_t i = 0; i < 16; i += 2) {
    char group[8];
    std::snprintf(group, sizeof group, "%s%x", i == 0 ? "" : ":", bytes[i] << 8 | bytes[i + 1]);
    v6 += group;
  }
  for (std::size_t i = 0; i < 4; ++i) v4 += (i == 0 ? "" : ".") + std::to_string(bytes[i]);
  for (const std::string& host : {v6 + "]", v4}) {
    const auto endpoint = parse_endpoint(host + ":" + std::to_string(port), PortZero::kTaken);
    RC_ASSERT(endpoint.has_value());
    RC_ASSERT(parse_endpoint(endpoint->text(), PortZero::kTaken) == *endpoint);
  }
}

}  // namespace
}  // namespace zswarm::bus
