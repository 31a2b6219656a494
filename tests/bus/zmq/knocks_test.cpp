// Knocks at sockets of this machine.
#include "bus/zmq/knocks.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/bus/zmq/named.h"

namespace zswarm::bus {
namespace {

using test::node;

using namespace std::chrono_literals;

/// A socket that is bound, and listens if it is told to; nobody ever accepts, as in a frozen process.
class Bound {
 public:
  explicit Bound(int family = AF_INET)
      : socket_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)), family_(family) {
    sockaddr_storage at{};
    at.ss_family = static_cast<sa_family_t>(family);
    if (family == AF_INET) {
      reinterpret_cast<sockaddr_in&>(at).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
      reinterpret_cast<sockaddr_in6&>(at).sin6_addr = in6addr_loopback;
    }
    bound_ = bind(socket_.number(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
  }
  [[nodiscard]] bool bound() const { return bound_; }
  void listen() const { EXPECT_EQ(::listen(socket_.number(), 8), 0); }
  [[nodiscard]] std::string address() const {
    sockaddr_storage at{};
    socklen_t size = sizeof at;
    EXPECT_EQ(getsockname(socket_.number(), reinterpret_cast<sockaddr*>(&at), &size), 0);
    return family_ == AF_INET
               ? "127.0.0.1:" + std::to_string(ntohs(reinterpret_cast<const sockaddr_in&>(at).sin_port))
               : "[::1]:" + std::to_string(ntohs(reinterpret_cast<const sockaddr_in6&>(at).sin6_port));
  }

 private:
  Descriptor socket_;
  int family_;
  bool bound_ = false;
};

std::vector<Knocks::Answer> answers_to(Knocks& knocks) {
  const auto until = std::chrono::steady_clock::now() + 20s;
  while (std::chrono::steady_clock::now() < until) {
    if (auto answers = knocks.take_answers(); !answers.empty()) return answers;
    std::vector<zmq::pollitem_t> items;
    knocks.add_poll_items(items);
    zmq::poll(items, 20ms);
    knocks.poll_done(items, 0);
  }
  return {};
}

TEST(Knocks, AListeningProcessThatNeverRunsIsToldAsListening) {
  const Bound bound;
  bound.listen();
  Knocks knocks;
  knocks.knock(Time{}, node(1), bound.address());
  const auto answers = answers_to(knocks);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].node, node(1));
  EXPECT_TRUE(answers[0].listens);
  EXPECT_EQ(knocks.under_way(), 0u);
}

TEST(Knocks, APortWhereNobodyListensIsToldAsRefused) {
  const Bound bound;
  Knocks knocks;
  knocks.knock(Time{}, node(2), bound.address());
  const auto answers = answers_to(knocks);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].node, node(2));
  EXPECT_FALSE(answers[0].listens);
}

TEST(Knocks, ReachesIPv6) {
  const Bound bound(AF_INET6);
  if (!bound.bound()) GTEST_SKIP() << "this machine has no IPv6";
  bound.listen();
  Knocks knocks;
  knocks.knock(Time{}, node(3), bound.address());
  const auto answers = answers_to(knocks);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(answers[0].listens);
}

TEST(Knocks, WhatIsNoAddressIsNotAsked) {
  Knocks knocks;
  for (const char* address :
       {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:1x", "host.example:80"})
    knocks.knock(Time{}, node(1), address);
  EXPECT_EQ(knocks.under_way(), 0u);
  EXPECT_TRUE(knocks.take_answers().empty());
}

TEST(Knocks, WhoSaysNothingIsGivenUpAndToldAsNothing) {
  // A queue of one that is full: the kernel lets further connections wait without a word.
  const Bound bound;
  bound.listen();
  Knocks knocks;
  for (int i = 0; i < 64; ++i) knocks.knock(Time{}, node(1), bound.address());
  std::vector<zmq::pollitem_t> items;
  knocks.add_poll_items(items);
  zmq::poll(items, 20ms);
  knocks.poll_done(items, 0);
  ASSERT_GT(knocks.under_way(), 0u);
  (void)knocks.take_answers();
  knocks.tick(Time{} + Knocks::kPatience - 1ms);
  EXPECT_GT(knocks.under_way(), 0u);
  knocks.tick(Time{} + Knocks::kPatience);
  EXPECT_EQ(knocks.under_way(), 0u);
  EXPECT_TRUE(knocks.take_answers().empty());
}

TEST(Knocks, AreBounded) {
  const Bound bound;
  bound.listen();
  Knocks knocks;
  for (std::size_t i = 0; i < 2 * Knocks::kMost; ++i) knocks.knock(Time{}, node(1), bound.address());
  EXPECT_LE(knocks.under_way(), Knocks::kMost);
}

}  // namespace
}  // namespace zswarm::bus
