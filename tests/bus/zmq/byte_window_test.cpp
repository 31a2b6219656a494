// Over a real connection: the kernel is the one that drops.
#include "bus/zmq/byte_window.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "bus/keys/descriptor.h"

namespace zswarm::bus {
namespace {

class Windowed : public testing::Test {
 protected:
  Windowed() {
    listening = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    client = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof(address);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    const int on = 1;
    EXPECT_EQ(bind(listening.number(), any, bytes), 0);
    EXPECT_EQ(listen(listening.number(), 1), 0);
    EXPECT_EQ(getsockname(listening.number(), any, &bytes), 0);
    keep_first_segments(listening.number());
    EXPECT_EQ(connect(client.number(), any, bytes), 0);
    EXPECT_EQ(setsockopt(client.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    accepted = Descriptor(accept(listening.number(), nullptr, nullptr));
  }
  void send(std::size_t bytes) {
    const std::string sent(bytes, 'x');
    EXPECT_EQ(::send(client.number(), sent.data(), bytes, MSG_DONTWAIT), static_cast<ssize_t>(bytes));
  }
  /// Reads so much; false if it does not come within the time.
  bool comes(std::size_t bytes, int within_ms) {
    while (bytes > 0) {
      pollfd waiting{accepted.number(), POLLIN, 0};
      if (poll(&waiting, 1, within_ms) != 1) return false;
      char buffer[4096];
      const ssize_t got = recv(accepted.number(), buffer, std::min(bytes, sizeof(buffer)), MSG_DONTWAIT);
      if (got <= 0) return false;
      bytes -= static_cast<std::size_t>(got);
    }
    return true;
  }

  Descriptor listening, client, accepted;
};

TEST_F(Windowed, WhatIsBeyondTheWindowComesOnlyAfterItHasMovedOn) {
  auto window = ByteWindow::open(accepted.number(), 1000);
  ASSERT_TRUE(window);
  send(600);
  EXPECT_TRUE(comes(600, 5000));
  send(400);
  EXPECT_TRUE(comes(400, 5000));
  EXPECT_FALSE(ByteWindow::is_exceeded(accepted.number()));
  send(1);
  EXPECT_FALSE(comes(1, 300));
  EXPECT_TRUE(ByteWindow::is_exceeded(accepted.number()));
  window->advance(accepted.number());
  EXPECT_TRUE(comes(1, 20'000));  // sent again
  send(998);
  EXPECT_TRUE(comes(998, 5000));
}

TEST_F(Windowed, ManyBytesAtOnceNeverCome) {
  const auto window = ByteWindow::open(accepted.number(), 1000);
  ASSERT_TRUE(window);
  send(100'000);
  EXPECT_FALSE(comes(1, 500));
}

TEST_F(Windowed, AsLongAsItMovesOnAnyNumberOfBytesComes) {
  auto window = ByteWindow::open(accepted.number(), 1000);
  ASSERT_TRUE(window);
  for (int i = 0; i < 300; ++i) {
    send(500);
    ASSERT_TRUE(comes(500, 20'000)) << i;
    window->advance(accepted.number());
  }
  EXPECT_FALSE(ByteWindow::is_exceeded(accepted.number()));
}

}  // namespace
}  // namespace zswarm::bus
