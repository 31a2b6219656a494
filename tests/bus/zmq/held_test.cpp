#include "bus/zmq/held.h"

#include <gtest/gtest.h>

namespace zswarm::bus {
namespace {

Send message(std::size_t bytes, std::uint8_t mark) {
  return {NodeId{}, Lane::kDispatch, Bytes(bytes, mark), {Bytes(10)}};
}

TEST(HeldMessages, AreBoundedByNumberAndBytesAndComeInOrder) {
  SocketLimits limits;
  limits.unsent_messages = 3;
  limits.unsent_bytes = 100;
  HeldMessages held;
  for (const std::uint8_t mark : Bytes{1, 2}) {
    Send next = message(30, mark);
    EXPECT_TRUE(held.add(next, limits));
  }
  Send large = message(11, 3);
  EXPECT_FALSE(held.add(large, limits));
  EXPECT_EQ(large.message.size(), 11u);
  Send fits = message(10, 4);
  EXPECT_TRUE(held.add(fits, limits));
  EXPECT_EQ(held.bytes(), 100u);
  Send fourth = message(0, 5);
  fourth.frames.clear();
  EXPECT_FALSE(held.add(fourth, limits));
  for (const std::uint8_t mark : Bytes{1, 2, 4}) {
    EXPECT_EQ(held.front().message[0], mark);
    held.pop();
  }
  EXPECT_TRUE(held.empty());
  EXPECT_EQ(held.bytes(), 0u);
}

}  // namespace
}  // namespace zswarm::bus
