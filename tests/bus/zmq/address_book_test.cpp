#include "bus/zmq/address_book.h"

#include <gtest/gtest.h>

#include "bus/zmq/interfaces.h"

namespace zswarm::bus {
namespace {

using namespace std::chrono_literals;

const NodeId kNode{};

Card card_at(const std::string& host) {
  Card card;
  card.socket(Socket::kJoin) = Endpoint{host, 7000};
  card.socket(Socket::kGossip) = Endpoint{host, 7001};
  card.socket(Socket::kControl) = Endpoint{host, 7002};
  card.socket(Socket::kDispatch) = Endpoint{host, 7003};
  return card;
}

/// 10.0.0.0/8 and loopback are on our links.
bool on_link(const std::string& host) {
  return host.starts_with("10.") || is_loopback(host);
}

TEST(AddressBook, AddressesOfACardStand) {
  AddressBook book(on_link);
  const PeerAddress address = book.find(Time{}, kNode, card_at("192.0.2.7"));
  EXPECT_TRUE(address.complete);
  EXPECT_EQ(address.join, "192.0.2.7:7000");
  EXPECT_EQ(address.dispatch, "192.0.2.7:7003");
}

TEST(AddressBook, NamesComeLater) {
  AddressBook book(on_link);
  const auto first = book.find(Time{}, kNode, card_at("localhost"));
  EXPECT_FALSE(first.complete);
  EXPECT_EQ(first.join, "");
  const auto until = std::chrono::steady_clock::now() + 30s;
  std::vector<std::pair<NodeId, PeerAddress>> found;
  while (found.empty() && std::chrono::steady_clock::now() < until) found = book.poll(Time{1s});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].first, kNode);
  EXPECT_TRUE(found[0].second.join == "127.0.0.1:7000" || found[0].second.join == "[::1]:7000");
  EXPECT_FALSE(book.waits());
}

TEST(AddressBook, ANodeInTwoNetworksIsReachedWhereItWasMet) {
  AddressBook book(on_link);
  const Card card = card_at("203.0.113.7");
  book.met_at(kNode, card, "10.0.0.7");
  EXPECT_EQ(book.find(Time{}, kNode, card).gossip, "10.0.0.7:7001");
  // Until it tells another address.
  EXPECT_EQ(book.find(Time{}, kNode, card_at("203.0.113.8")).gossip, "203.0.113.8:7001");
  book.forget(kNode);
  EXPECT_EQ(book.find(Time{}, kNode, card).gossip, "203.0.113.7:7001");
}

TEST(AddressBook, ANodeThatTellsItsLoopbackIsReachedWhereItWasMet) {
  AddressBook book(on_link);
  const Card card = card_at("127.0.0.1");
  book.met_at(kNode, card, "10.0.0.7");
  EXPECT_EQ(book.find(Time{}, kNode, card).join, "10.0.0.7:7000");
}

TEST(AddressBook, AnAddressOnALinkOfOursIsBelieved) {
  AddressBook book(on_link);
  const Card card = card_at("10.0.0.9");
  book.met_at(kNode, card, "10.0.0.7");
  EXPECT_EQ(book.find(Time{}, kNode, card).join, "10.0.0.9:7000");
}

TEST(AddressBook, WhoComesThroughARouterIsReachedWhereItSays) {
  AddressBook book(on_link);
  const Card card = card_at("203.0.113.7");
  book.met_at(kNode, card, "198.51.100.1");
  EXPECT_EQ(book.find(Time{}, kNode, card).join, "203.0.113.7:7000");
}

TEST(AddressBook, NamesAreLeftToTheirOwners) {
  AddressBook book(on_link);
  const Card card = card_at("node.invalid");
  book.met_at(kNode, card, "10.0.0.7");
  EXPECT_FALSE(book.find(Time{}, kNode, card).complete);
}

TEST(AddressBook, SocketsUnderOtherHostsAreLeftAlone) {
  AddressBook book(on_link);
  Card card = card_at("203.0.113.7");
  card.socket(Socket::kGossip) = Endpoint{"203.0.113.8", 9};
  card.socket(Socket::kDispatch).reset();
  book.met_at(kNode, card, "10.0.0.7");
  const PeerAddress address = book.find(Time{}, kNode, card);
  EXPECT_EQ(address.join, "10.0.0.7:7000");
  EXPECT_EQ(address.gossip, "203.0.113.8:9");
  EXPECT_EQ(address.dispatch, "");
}

TEST(Interfaces, OwnNetworksAreOnLink) {
  EXPECT_TRUE(is_on_link("127.0.0.1"));
  EXPECT_TRUE(is_on_link("127.1.2.3"));
  EXPECT_FALSE(is_on_link("240.0.0.1"));  // reserved
  EXPECT_FALSE(is_on_link("localhost"));
  EXPECT_TRUE(is_loopback("127.1.2.3"));
  EXPECT_TRUE(is_loopback("::1"));
  EXPECT_FALSE(is_loopback("10.0.0.1"));
}

}  // namespace
}  // namespace zswarm::bus
